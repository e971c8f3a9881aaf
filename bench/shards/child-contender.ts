import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Order, type Report, reportSchema } from './order.ts';

/** A contender in a process of its own, whose garbage and ticks are nobody else's. */
export class ChildContender {
  readonly #child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)));

  async carryOut(order: Order): Promise<Report> {
    const ended = new AbortController();
    const { signal } = ended;
    this.#child.send(order);
    try {
      const answered = once(this.#child, 'message', { signal });
      const gone = once(this.#child, 'exit', { signal }).then(() => {
        throw new Error('a contender has ended');
      });
      const [message] = await Promise.race([answered, gone]);
      return reportSchema.parse(message);
    } finally {
      ended.abort();
    }
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }
}
