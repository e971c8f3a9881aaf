import type { MemoryEntry } from '../memory/memory-store.ts';
import { isBelieved, type Witness } from '../trust.ts';
import type { SingleFlight } from './single-flight.ts';

/** What came of a flight for one key. */
export interface FlightResult<V> {
  readonly entry: MemoryEntry<V>;
  /** No change that was acknowledged before can be missing in it. */
  readonly asOfMs: number;
  /** Likewise, once Redis has stored it; undefined when it did not. */
  readonly stored: Promise<number | undefined> | undefined;
}

/** One key's part of a flight. */
export class FlightPart<V> {
  readonly flight: SingleFlight;
  readonly result: Promise<FlightResult<V>>;
  readonly #witness: Witness;
  #resolve: (result: FlightResult<V>) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(flight: SingleFlight, witness: Witness) {
    this.flight = flight;
    this.#witness = witness;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether one more caller may wait for it: its last one has not left, and it is not behind. */
  isJoinable(nowMs: number): boolean {
    return this.flight.deadline.reason === undefined && isBelieved(this.#witness, nowMs);
  }

  fill(result: FlightResult<V>): void {
    this.#resolve(result);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

/** The flights that callers may join, by key. */
export class SingleFlights<V> {
  readonly #parts = new Map<string, FlightPart<V>>();

  /** The flight of a key that a caller may join. */
  joinable(key: string): FlightPart<V> | undefined {
    const part = this.#parts.get(key);
    return part?.isJoinable(performance.now()) ? part : undefined;
  }

  /** Lets callers join a flight, until it has its result. */
  add(key: string, part: FlightPart<V>): void {
    // One that was given up may still bring a value; an invalidation will not find it any more.
    this.fence(key);
    this.#parts.set(key, part);
    const leave = () => this.remove(key, part);
    part.result.then(leave, leave);
  }

  /** Nobody joins this flight any more. */
  remove(key: string, part: FlightPart<V>): void {
    if (this.#parts.get(key) === part) this.#parts.delete(key);
  }

  /** What the flight brings for the key is not kept, and nobody joins it any more. */
  fence(key: string): void {
    this.#parts.get(key)?.flight.fence(key);
    this.#parts.delete(key);
  }
}
