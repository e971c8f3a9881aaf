/**
 * A process that runs pages one after another: what they import is loaded once. It says of each what is
 * still open some time after its last line, which would keep a process of its own from ending.
 */
import { setTimeout as pass } from 'node:timers/promises';

/** What a page left open, or why it failed. */
export interface PageEnd {
  readonly open: readonly string[];
  readonly failure?: string;
}

const patienceMs = 5_000;
const stepMs = 5;

function openBeyond(before: readonly string[]): string[] {
  const spare = [...before];
  return process.getActiveResourcesInfo().filter((one) => {
    const at = spare.indexOf(one);
    if (at >= 0) spare.splice(at, 1);
    return at < 0;
  });
}

async function leftOpen(before: readonly string[]): Promise<string[]> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const open = openBeyond(before);
    if (open.length === 0 || performance.now() > endMs) return open;
    // A timer that keeps nothing alive, or it would be found itself.
    await pass(stepMs, undefined, { ref: false });
  }
}

async function run(file: string): Promise<PageEnd> {
  const before = process.getActiveResourcesInfo();
  try {
    await import(file);
    return { open: await leftOpen(before) };
  } catch (error) {
    return { open: [], failure: error instanceof Error ? (error.stack ?? '') : String(error) };
  }
}

// Opened by the first page that prints, they would count as its own.
const outputs = [process.stdout, process.stderr];
process.on('message', (file: string) => {
  void run(file).then((end) => process.send?.(end));
});
if (outputs.every(({ writable }) => writable)) process.send?.('ready');
