import { setTimeout as pause } from 'node:timers/promises';
import { popular } from './residents.ts';
import type { Data, User } from './tables.ts';

/**
 * A page that always has something to show: the row as the primary has it, through a guard; else
 * the cached one; else a placeholder.
 */
export class ProfilePage {
  readonly shown = { fresh: 0, cached: 0, placeholder: 0 };
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
    const { users } = this.#data;
    const guard = this.#data.guard('profile-page', { timeoutMs: 250 });
    while (this.#running) {
      const { id } = popular(this.#users);
      const source = await guard.run(
        async ({ signal }) => {
          await users.get(id, { consistency: 'primary', signal });
          return 'fresh' as const;
        },
        { fallback: () => users.get(id).then(cached, placeholder) },
      );
      this.shown[source]++;
      await pause(5);
    }
  }
}

const cached = () => 'cached' as const;
const placeholder = () => 'placeholder' as const;
