import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Result } from '../result.ts';

const run = promisify(execFile);
const boundMb = 100;

/** What a cache bounded to 100 MiB really takes, after three times as much went through it. */
export async function memoryBound(): Promise<Result> {
  const program = fileURLToPath(new URL('./fill-memory.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [
    ...process.execArgv,
    '--expose-gc',
    program,
    String(boundMb),
  ]);
  const grownMb = Number(stdout);
  return {
    name: `maxBytes ${boundMb} MiB, filled with three times that`,
    value: `${grownMb.toFixed(1)} MiB more heap and external memory after gc`,
    target: 'within 10 % of the bound',
    met: Math.abs(grownMb / boundMb - 1) <= 0.1,
    figures: { grownMb, boundMb },
  };
}
