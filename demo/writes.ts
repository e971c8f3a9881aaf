import type { Journal } from './journal.ts';
import { anyOf, newcomer, payment, popular } from './residents.ts';
import type { Data, User } from './tables.ts';

/** One write of the traffic. */
export interface Write {
  /** Resolves when it was acknowledged and the journal knows it. */
  run(): Promise<void>;
  /** Nobody knows whether it was applied; the checks will look. */
  noteUnknown(): void;
}

/** The writes of the traffic: somebody is renamed, moves in, or pays. */
export class Writes {
  readonly #data: Data;
  readonly #journal: Journal;
  readonly #users: readonly User[];
  #renamed = 0;
  #moved = 0;
  /** Above those that were there before. */
  #paid = 1_000_000;

  constructor(data: Data, journal: Journal, users: readonly User[]) {
    this.#data = data;
    this.#journal = journal;
    this.#users = users;
  }

  next(): Write {
    const dice = Math.random();
    if (dice < 0.4) return this.#rename();
    return dice < 0.6 ? this.#welcome() : this.#pay();
  }

  /** One user after the other, so that after a lost reply there are two possible names, not many. */
  #rename(): Write {
    const { id, name: old } = this.#users[this.#renamed++] ?? anyOf(this.#users);
    const name = `${old}, renamed`;
    return {
      run: async () => {
        const { affected } = await this.#data.users.update(id, { name });
        if (affected !== 1) throw new Error('a user that was acknowledged is not there');
        this.#journal.keepName(id, name);
      },
      noteUnknown: () => this.#journal.unknownNames.set(id, name),
    };
  }

  #welcome(): Write {
    const row = newcomer(anyOf(this.#users), ++this.#moved);
    return {
      run: async () => this.#journal.keepUser(await this.#data.users.insert(row)),
      noteUnknown: () => this.#journal.unknownNewcomers.push(row),
    };
  }

  #pay(): Write {
    const row = payment(popular(this.#users), ++this.#paid);
    return {
      run: async () => this.#journal.keepPayment(await this.#data.transactions.insert(row)),
      noteUnknown: () => this.#journal.unknownPayments.push(row),
    };
  }
}
