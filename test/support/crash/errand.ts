import { CountedStatements, type CrashPoint } from './crash-point.ts';
import type { Life } from './life.ts';

/** What a life does: opens a data layer, and sets about something. */
export interface Errand<Data extends Closable> {
  open(): Promise<Data>;
  run(data: Data): Promise<unknown>;
}

interface Closable {
  close(options?: { timeoutMs: number }): Promise<unknown>;
}

/** How an errand ended; `done` when it had fewer statements than its point says. */
export interface ErrandEnd {
  readonly end: 'died' | 'done';
  readonly statements: number;
}

/** Runs an errand in this process, which as the servers see it dies at the point. */
export async function runSevered<Data extends Closable>(
  life: Life,
  point: CrashPoint,
  { open, run }: Errand<Data>,
): Promise<ErrandEnd> {
  const data = await open();
  const statements = CountedStatements.begin(life.host, point, () => life.sever());
  const done = run(data);
  try {
    const isDone = await Promise.race([done.then(() => true), life.over.then(() => false)]);
    if (!isDone) return { end: 'died', statements: statements.seen };
    return { end: 'done', statements: statements.seen };
  } finally {
    CountedStatements.end(life.host);
    life.sever();
    // Nobody hears what becomes of the errand of the dead, except that it must not outlive its data layer.
    await Promise.allSettled([data.close({ timeoutMs: 1 }), done]);
  }
}

/** Runs an errand as the only one of this process, which dies by SIGKILL at the point. */
export async function runToDeath<Data extends Closable>(
  point: CrashPoint,
  { open, run }: Errand<Data>,
): Promise<void> {
  const data = await open();
  CountedStatements.begin(undefined, point, () => process.kill(process.pid, 'SIGKILL'));
  await run(data);
  await data.close();
}
