import { setTimeout as pause } from 'node:timers/promises';
import { anyOf } from './residents.ts';
import type { Data, User } from './tables.ts';

/** A page that always has something to show: a guard round the read, with a fallback. */
export class ProfilePage {
  /** Answers by their source. */
  shown = 0;
  placeholders = 0;
  readonly placeholderMs: number[] = [];
  readonly #data: Data;
  readonly #users: readonly User[];
  #running = true;
  #worker: Promise<void> | undefined;

  /** @param users whose pages are asked for. */
  constructor(data: Data, users: readonly User[]) {
    this.#data = data;
    this.#users = users;
  }

  start(): void {
    this.#worker = this.#serve();
  }

  /** @throws when a page had nothing to show. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#worker;
  }

  async #serve(): Promise<void> {
    const guard = this.#data.guard('profile-page', { timeoutMs: 250 });
    while (this.#running) {
      const { id } = anyOf(this.#users);
      const begun = performance.now();
      const page = await guard.run(({ signal }) => this.#data.users.get(id, { signal }), {
        fallback: () => 'We can not show this profile right now.',
      });
      if (typeof page === 'string') {
        this.placeholders++;
        this.placeholderMs.push(performance.now() - begun);
      } else {
        this.shown++;
      }
      await pause(5);
    }
  }
}
