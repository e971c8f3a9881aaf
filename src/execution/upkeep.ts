import { ClosedError } from '../errors/call-error.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import { Call } from './call.ts';

type Work = (call: Call) => Promise<unknown>;

/** Work that is done again and again, by every process at times of its own. */
export interface Sweep {
  /** Milliseconds from the end of one run to the next, on average; 0: never. */
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly run: Work;
  /** Told of a run that failed; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * What a data layer does beside all calls: its sweeps, and the looks at servers that are down. Does not
 * keep the process alive, and nothing is begun before `start` or after `close`.
 */
export class Upkeep {
  readonly #topology: TopologyStore;
  readonly #sweeps: Sweep[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #running = new Map<Call, Promise<void>>();
  #isOpen = false;

  constructor(topology: TopologyStore) {
    this.#topology = topology;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Takes in a sweep, which `start` begins. */
  add(sweep: Sweep): void {
    this.#sweeps.push(sweep);
  }

  start(): void {
    this.#isOpen = true;
    for (const sweep of this.#sweeps) this.#sweepLater(sweep);
  }

  /** Calls back after about so long, at a time that differs from process to process. */
  later(delayMs: number, callback: () => void): void {
    if (!this.#isOpen) return;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        callback();
      },
      Math.min(delayMs * (0.5 + Math.random()), 2 ** 31 - 1),
    );
    timer.unref();
    this.#timers.add(timer);
  }

  /** Does work now. Settles with it; closing cancels it, and waits for that. */
  run(timeoutMs: number, work: Work, onFailure: (error: unknown) => void): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    const call = new Call(this.#topology.current, timeoutMs);
    const done = work(call)
      .then(
        () => undefined,
        (error: unknown) => {
          if (this.#isOpen) onFailure(error);
        },
      )
      .finally(() => {
        call.end();
        this.#running.delete(call);
      });
    this.#running.set(call, done);
    return done;
  }

  /** Ends what is under way, and waits for that. */
  async close(): Promise<void> {
    this.#isOpen = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const closing = new ClosedError('The data layer is closing.');
    for (const call of this.#running.keys()) call.cancel(closing);
    await Promise.all(this.#running.values());
  }

  #sweepLater(sweep: Sweep): void {
    const { everyMs, timeoutMs, run, onFailure } = sweep;
    if (everyMs === 0) return;
    this.later(everyMs, () => {
      void this.run(timeoutMs, run, onFailure).finally(() => this.#sweepLater(sweep));
    });
  }
}
