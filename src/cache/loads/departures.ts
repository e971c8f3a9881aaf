import type { MemoryEntry } from '../memory/memory-store.ts';
import { isBelieved, type Witness } from '../trust.ts';
import type { Flight } from './flight.ts';

/** What came of a flight for one key. */
export interface Landed<V> {
  readonly entry: MemoryEntry<V>;
  /** No change that was acknowledged before can be missing in it. */
  readonly asOfMs: number;
  /** Likewise, once Redis has stored it; undefined when it did not. */
  readonly stored: Promise<number | undefined> | undefined;
}

/** One key's part of a flight. */
export class Seat<V> {
  readonly flight: Flight;
  readonly landed: Promise<Landed<V>>;
  readonly #witness: Witness;
  #resolve: (landed: Landed<V>) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(flight: Flight, witness: Witness) {
    this.flight = flight;
    this.#witness = witness;
    this.landed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether one more caller may wait for it: its last one has not left, and it is not behind. */
  isJoinable(nowMs: number): boolean {
    return this.flight.deadline.reason === undefined && isBelieved(this.#witness, nowMs);
  }

  land(landed: Landed<V>): void {
    this.#resolve(landed);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

/** The flights that callers may join, by key. */
export class Departures<V> {
  readonly #seats = new Map<string, Seat<V>>();

  /** The flight of a key that a caller may join. */
  joinable(key: string): Seat<V> | undefined {
    const seat = this.#seats.get(key);
    return seat?.isJoinable(performance.now()) ? seat : undefined;
  }

  /** Puts a flight on the list, until it has landed. */
  announce(key: string, seat: Seat<V>): void {
    // One that was given up may still bring a value; an invalidation will not find it any more.
    this.fence(key);
    this.#seats.set(key, seat);
    const leave = () => this.withdraw(key, seat);
    seat.landed.then(leave, leave);
  }

  /** Nobody joins this flight any more. */
  withdraw(key: string, seat: Seat<V>): void {
    if (this.#seats.get(key) === seat) this.#seats.delete(key);
  }

  /** What the flight brings for the key is not kept, and nobody joins it any more. */
  fence(key: string): void {
    this.#seats.get(key)?.flight.fence(key);
    this.#seats.delete(key);
  }
}
