import { setTimeout as rest } from 'node:timers/promises';
import { SeededRandom } from '../../support/seeded-random.ts';
import type { Register, Registers } from '../source/registers.ts';
import type { OpenCache } from './caches.ts';
import { keyGroups } from './keys.ts';
import type { WorkerPlan } from './plan.ts';
import { now, type Recorder } from './recorder.ts';

const writesPer1000 = 40;
const manyPer1000 = 80;
/** One in so many loads and writes dawdles where the races are. */
const dawdling = 8;
const dawdleMs = 300;

/** Reads and writes at random, and notes what it saw. */
export class Workload {
  readonly #plan: WorkerPlan;
  readonly #registers: Registers;
  readonly #caches: readonly OpenCache[];
  readonly #recorder: Recorder;
  readonly #random: SeededRandom;
  #writes = 0;
  #isStopping = false;

  constructor(
    plan: WorkerPlan,
    registers: Registers,
    caches: readonly OpenCache[],
    recorder: Recorder,
  ) {
    this.#plan = plan;
    this.#registers = registers;
    this.#caches = caches;
    this.#recorder = recorder;
    this.#random = new SeededRandom(plan.seed);
  }

  /** Resolves once {@link stop} was called and what was under way has ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#plan.clients }, () => this.#client()));
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #client(): Promise<void> {
    while (!this.#isStopping) {
      const drawn = this.#random.below(1_000);
      if (drawn < writesPer1000) await this.#write(this.#key());
      else await this.#read(drawn < writesPer1000 + manyPer1000);
      await rest(this.#random.between(0, this.#plan.restMs));
    }
  }

  #key(): string {
    return this.#random.pick(this.#random.pick(keyGroups));
  }

  async #read(many: boolean): Promise<void> {
    const { name, cache } = this.#random.pick(this.#caches);
    const keys = [this.#key()];
    while (many && keys.length < 5) keys.push(this.#key());
    const begun = now();
    try {
      const found = many
        ? await cache.getMany(keys, (missing) => this.#load(missing))
        : [await cache.get(keys[0] ?? '', async () => (await this.#load(keys))[0] ?? null)];
      const ended = now();
      for (const [index, key] of keys.entries()) {
        const version = versionOf(key, found[index] ?? null);
        this.#recorder.write({ is: 'read', cache: name, key, begun, ended, version });
      }
    } catch (error) {
      this.#fail(name, error);
    }
  }

  async #load(keys: readonly string[]): Promise<(Register | null)[]> {
    const loaded = await this.#registers.read(keys);
    // The race that fences are for: what was read grows old before it is stored.
    await this.#dawdle();
    return loaded;
  }

  async #write(key: string): Promise<void> {
    const id = `${this.#plan.name}-${++this.#writes}`;
    const absent = this.#random.isOneIn(5);
    this.#recorder.write({ is: 'begun', id, key, absent, at: now() });
    await this.#registers.write(key, absent, id);
    await this.#dawdle();
    await Promise.all(
      this.#caches.map(async ({ name, cache }) => {
        try {
          const outcome = await cache.invalidate(key);
          this.#recorder.write({ is: 'told', id, cache: name, outcome, at: now() });
        } catch (error) {
          this.#fail(name, error);
        }
      }),
    );
  }

  async #dawdle(): Promise<void> {
    if (this.#random.isOneIn(dawdling)) await rest(this.#random.between(1, dawdleMs));
  }

  #fail(cache: string, error: unknown): void {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#recorder.write({ is: 'failed', cache, message, at: now() });
  }
}

function versionOf(key: string, register: Register | null): number | null {
  if (register === null) return null;
  if (register.key === key) return register.version;
  throw new Error(`asked for ${key}, got ${register.key}`);
}
