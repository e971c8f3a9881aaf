import { CallMeter } from '../../observability/call-meter.ts';
import { Deadline } from '../../resilience/time/deadline.ts';

/** No time of its own: its callers' deadlines bound it. */
class FlightDeadline extends Deadline {
  #neededBy = Number.POSITIVE_INFINITY;

  constructor() {
    // Also where the caller who starts it is not charged: one who joins may be.
    super(Number.POSITIVE_INFINITY, undefined, 'default', new CallMeter('load'));
  }

  override get neededBy(): number {
    return this.#neededBy;
  }

  isNeededBy(caller: Deadline): void {
    if (caller.neededBy < this.#neededBy) this.#neededBy = caller.neededBy;
  }
}

/**
 * One load under way, for one or more keys, and the callers that wait for it. It ends early when
 * the last of them has left; an invalidation meanwhile fences it, key by key.
 */
export class SingleFlight {
  /** What the load runs under. */
  readonly deadline: FlightDeadline;
  #fenced: Set<string> | undefined;
  #callers = 0;
  #hasFailed = false;

  /** @param starter whoever waits for it first. */
  constructor(starter?: Deadline) {
    this.deadline = new FlightDeadline();
    if (starter !== undefined) this.deadline.isNeededBy(starter);
  }

  /** The key was invalidated: what this flight brings must not be stored or joined. */
  fence(key: string): void {
    this.#fenced ??= new Set();
    this.#fenced.add(key);
  }

  isFenced(key: string): boolean {
    return this.#fenced?.has(key) ?? false;
  }

  /** The load of one of its keys failed. */
  fail(): void {
    this.#hasFailed = true;
  }

  /** The load is over. */
  end(): void {
    this.deadline.meter?.end(this.#hasFailed || this.deadline.reason !== undefined);
  }

  /** Waits for `work` as one more caller, until the caller's own deadline passes. */
  async join<T>(work: Promise<T>, caller: Deadline | undefined): Promise<T> {
    this.#callers++;
    if (caller !== undefined) this.deadline.isNeededBy(caller);
    if (caller?.meter !== undefined) this.deadline.meter?.share(caller.meter);
    try {
      return await (caller === undefined ? work : caller.race(work));
    } finally {
      if (--this.#callers === 0 && caller?.reason !== undefined)
        this.deadline.cancel(caller.reason);
    }
  }
}
