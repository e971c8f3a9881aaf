import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Order, type Party, type Report, reportSchema } from './order.ts';

const answerSchema = z.object({
  id: z.number(),
  report: reportSchema.optional(),
  problem: z.string().optional(),
});
const patienceMs = 30_000;

/** A {@link Party} in a process of its own. */
export class ChildParty implements Party {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)));
  readonly #waiting = new Map<number, (answer: z.infer<typeof answerSchema>) => void>();
  #orders = 0;

  constructor() {
    this.#child.on('message', (message) => {
      const answer = answerSchema.parse(message);
      this.#waiting.get(answer.id)?.(answer);
    });
    this.#child.on('exit', () => {
      for (const [id, answer] of this.#waiting) answer({ id, problem: 'the process has ended' });
    });
  }

  async carryOut(order: Order): Promise<Report> {
    const id = this.#orders++;
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise<z.infer<typeof answerSchema>>((resolve) => {
      this.#waiting.set(id, resolve);
      timer = setTimeout(
        () => resolve({ id, problem: `no answer within ${patienceMs} ms` }),
        patienceMs,
      );
    });
    this.#child.send({ id, order });
    const { report, problem } = await answered;
    clearTimeout(timer);
    this.#waiting.delete(id);
    if (report === undefined) throw new Error(`a child could not ${order.do}: ${problem}`);
    return report;
  }

  /** Ends the process at once, as `kill -9` does. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Runs work with as many child processes, and ends them. */
export async function withChildren<T>(
  count: number,
  work: (children: readonly ChildParty[]) => Promise<T>,
): Promise<T> {
  const children = Array.from({ length: count }, () => new ChildParty());
  try {
    return await work(children);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
}
