import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { programFile } from '../programs.ts';

/** How a child ended: `died` is what it was sent out for; `done` when it had fewer statements. */
export type ChildEnd = 'died' | 'done';

/**
 * Runs one of the programs beside this file to its end. What it is told travels as one argument.
 *
 * @throws {Error} with its output when it failed by itself.
 */
export async function runChild(program: string, told: object): Promise<ChildEnd> {
  const bundle = await programFile(fileURLToPath(new URL(program, import.meta.url)));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bundle, JSON.stringify(told)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve('died');
      else if (code === 0) resolve('done');
      else reject(new Error(`${program} ended with ${signal ?? code}:\n${output}`));
    });
  });
}
