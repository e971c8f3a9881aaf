import { setImmediate as turn } from 'node:timers/promises';
import { isMeridianError, type Outcome } from 'meridian';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { type Bank, type Owner, type Transfer, transfer, wealth } from './bank.ts';

/**
 * How clients deal with a call that failed.
 *
 * - `keyed`: they give a key, and ask again with it.
 * - `plain`: without a key they believe the outcome, and leave what is unknown alone.
 * - `blind`: they run it again whatever the outcome says, as a generic retry would. The control: an
 *   audit that finds nothing wrong with them would find nothing at all.
 */
export type Manner = 'keyed' | 'plain' | 'blind';

/** One operation, and what its client knows of it in the end. */
export interface Operation extends Transfer {
  readonly manner: Manner;
  readonly kind: 'transfer' | 'insert';
  known: Outcome;
}

export interface Witness {
  readonly operations: Operation[];
  /** Sums that were read and can't be. */
  readonly wrongSums: number[];
  /** Milliseconds by which the latest call outlived its deadline. */
  latestMs: number;
  readonly codes: Map<string, number>;
}

const timeoutMs = 1_200;
/** Once the storm is over. */
const patientMs = 20_000;

/** Runs clients until `isOver`; each has one call under way at a time. */
export class Clients {
  readonly witness: Witness = { operations: [], wrongSums: [], latestMs: 0, codes: new Map() };
  /** All clients work on one owner: a storm of deadlocks. */
  hot: Owner | undefined;
  readonly #bank: Bank;
  readonly #owners: readonly Owner[];

  constructor(bank: Bank, owners: readonly Owner[]) {
    this.#bank = bank;
    this.#owners = owners;
  }

  async run(manner: Manner, random: SeededRandom, isOver: () => boolean): Promise<void> {
    for (let number = 0; !isOver(); number++) {
      const owner = this.hot ?? random.pick(this.#owners);
      if (random.isOneIn(4)) await this.#readSum(owner);
      else {
        const operation: Operation = {
          label: `${manner}-${random.below(2 ** 30).toString(36)}-${number}`,
          owner,
          cents: 1 + random.below(9),
          isBackwards: random.isOneIn(2),
          manner,
          kind: manner === 'keyed' && random.isOneIn(3) ? 'insert' : 'transfer',
          known: 'not-applied',
        };
        this.witness.operations.push(operation);
        const repeats = manner === 'plain' ? 0 : random.below(3);
        await this.#attempt(operation, timeoutMs);
        for (let repeat = 0; repeat < repeats && operation.known !== 'applied'; repeat++) {
          await this.#attempt(operation, timeoutMs);
        }
      }
      // Refusals take no time: the faults and the timers need a turn of the loop as well.
      await turn();
    }
  }

  /** What a blind client does whose first reply was lost, whatever befell the others. */
  async applyTwice(): Promise<void> {
    const [owner] = this.#owners;
    if (owner === undefined) throw new TypeError('there is no owner');
    const operation: Operation = {
      label: 'blind-on-purpose',
      owner,
      cents: 1,
      isBackwards: false,
      manner: 'blind',
      kind: 'transfer',
      known: 'not-applied',
    };
    this.witness.operations.push(operation);
    await this.#attempt(operation, patientMs);
    await this.#attempt(operation, patientMs);
  }

  /** Asks again, with their keys, for what nobody knows; the storm is over. */
  async settle(): Promise<void> {
    const open = this.witness.operations.filter(
      ({ manner, known }) => manner === 'keyed' && known === 'unknown',
    );
    for (const operation of open) await this.#attempt(operation, patientMs);
  }

  async #attempt(operation: Operation, limitMs: number): Promise<void> {
    const startedAt = performance.now();
    try {
      await this.#perform(operation, limitMs);
      operation.known = 'applied';
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      // A refusal speaks of its own call: what an earlier one did it does not know.
      if (operation.known === 'not-applied') operation.known = error.outcome;
      const { codes } = this.witness;
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
    }
    const lateMs = performance.now() - startedAt - limitMs;
    this.witness.latestMs = Math.max(this.witness.latestMs, lateMs);
  }

  async #perform(operation: Operation, limitMs: number): Promise<void> {
    const { manner, kind, label, owner } = operation;
    const key = manner === 'keyed' ? { idempotencyKey: label } : {};
    if (kind === 'insert') {
      await this.#bank.transfers.insert(
        { owner: owner.name, label, cents: 0 },
        { timeoutMs: limitMs, ...key },
      );
    } else {
      const retries = manner === 'keyed' ? 3 : 0;
      await transfer(this.#bank, operation, { timeoutMs: limitMs, retries, ...key });
    }
  }

  async #readSum(owner: Owner): Promise<void> {
    try {
      const [row] = await this.#bank.accounts
        .at(owner.name)
        .query('SELECT SUM(cents) AS cents FROM accounts WHERE owner = ?', [owner.name], {
          timeoutMs,
        });
      if (Number(row?.cents) !== wealth) this.witness.wrongSums.push(Number(row?.cents));
    } catch (error) {
      if (!isMeridianError(error)) throw error;
    }
  }
}
