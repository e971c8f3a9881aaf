import { setTimeout as pause } from 'node:timers/promises';
import { isMeridianError } from 'meridian';
import type { Journal } from './journal.ts';
import { popular } from './residents.ts';
import type { Data, User } from './tables.ts';
import { type Phase, type Refusal, Tally } from './tally.ts';
import { count } from './terminal.ts';
import type { Watch } from './watch.ts';
import { Writes } from './writes.ts';

export const readers = 48;
export const writers = 6;
/** Who is refused waits a little before the next call, as a polite client does. */
const politenessMs = 20;

/** Reads through the cache and writes, each worker one call after the other, until `stop`. */
export class Traffic {
  readonly tallies: Record<Phase, Tally>;
  readonly #data: Data;
  readonly #watch: Watch;
  readonly #victim: string;
  readonly #users: readonly User[];
  readonly #writes: Writes;
  readonly #workers: Promise<void>[] = [];
  /** Where each user lives, asked beforehand so that the reads alone are measured. */
  readonly #shards: ReadonlyMap<string, string>;
  #phase: Phase = 'warming';
  #running = true;

  constructor(data: Data, journal: Journal, watch: Watch, victim: string) {
    this.#data = data;
    this.#watch = watch;
    this.#victim = victim;
    this.#users = [...journal.users.values()];
    this.#writes = new Writes(data, journal, this.#users);
    this.#shards = new Map(this.#users.map(({ id }) => [id, data.users.explain(id).shard]));
    this.tallies = {
      warming: new Tally(),
      before: new Tally(),
      dying: new Tally(),
      dead: new Tally(),
      back: new Tally(),
    };
  }

  get state(): string {
    const { reads, refusals, seconds } = this.tallies[this.#phase];
    const perSecond = count(reads / Math.max(seconds, 0.1));
    return `${this.#phase}: ${perSecond} reads/s, ${count(refusals.length)} calls refused`;
  }

  start(): void {
    this.enter('warming');
    for (let number = 0; number < readers; number++) this.#workers.push(this.#read());
    for (let number = 0; number < writers; number++) this.#workers.push(this.#write());
  }

  /** From here on everything is counted under another part of the story. */
  enter(phase: Phase): void {
    this.tallies[this.#phase].end();
    this.#phase = phase;
    this.tallies[phase] = new Tally();
    this.#watch.tiers = this.tallies[phase].tiers;
  }

  /** @throws what no worker expected: anything but an error of Meridian's. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
    this.tallies[this.#phase].end();
  }

  async #read(): Promise<void> {
    while (this.#running) {
      const { id } = popular(this.#users);
      const tally = this.tallies[this.#phase];
      const { memory } = tally.tiers;
      const begun = performance.now();
      try {
        const answer = this.#data.users.get(id);
        // A row in memory is found before `get` returns.
        const remote = tally.tiers.memory === memory;
        await answer;
        tally.reads++;
        if (remote) tally.remoteMs.push(performance.now() - begun);
        // An answer that spans two parts of the story may come from a shard that is back.
        const within = tally === this.tallies[this.#phase];
        if (within && this.#shards.get(id) === this.#victim) tally.victimReads++;
      } catch (error) {
        await this.#refused('read', error, begun);
      }
    }
  }

  async #write(): Promise<void> {
    while (this.#running) {
      const write = this.#writes.next();
      const tally = this.tallies[this.#phase];
      const begun = performance.now();
      try {
        await write.run();
        tally.writes++;
        tally.writeMs.push(performance.now() - begun);
      } catch (error) {
        if (isMeridianError(error) && error.outcome === 'unknown') write.noteUnknown();
        await this.#refused('write', error, begun);
      }
    }
  }

  async #refused(call: Refusal['call'], error: unknown, begun: number): Promise<void> {
    if (!isMeridianError(error)) throw error;
    this.tallies[this.#phase].refusals.push({
      call,
      shard: String(error.context.shard),
      code: error.code,
      ms: performance.now() - begun,
    });
    await pause(politenessMs);
  }
}
