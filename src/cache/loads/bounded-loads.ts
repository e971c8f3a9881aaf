import { ClosedError } from '../../errors/call-error.ts';
import type { Deadline } from '../../resilience/time/deadline.ts';
import { within } from '../../resilience/time/within.ts';
import type { LoaderCall } from '../cache-types.ts';
import type { LoadMany } from './leased-loads.ts';
import { LoadRoom } from './load-room.ts';

export const defaultLoadTimeoutMs = 10_000;

interface LoadBounds {
  readonly loadTimeoutMs?: number | undefined;
  readonly loadConcurrency?: number | undefined;
  readonly loadQueue?: number | undefined;
}

/** The loads of an application's own cache: so many at once, each for so long, none after its end. */
export class BoundedLoads {
  readonly #room: LoadRoom;
  readonly #timeoutMs: number;
  /** What waits now, and would keep the process alive for as long as it has time. */
  readonly #waiting = new Set<Deadline>();
  #isClosed = false;

  constructor({
    loadTimeoutMs = defaultLoadTimeoutMs,
    loadConcurrency = 64,
    loadQueue = 1_000,
  }: LoadBounds) {
    this.#timeoutMs = loadTimeoutMs;
    this.#room = new LoadRoom({ concurrency: loadConcurrency, queue: loadQueue });
  }

  bounded<V>(
    load: (keys: readonly string[], call: LoaderCall) => Promise<readonly (V | null)[]>,
  ): LoadMany<V> {
    return (keys, { deadline }) =>
      this.#room.run(
        () =>
          within(this.#timeoutMs, deadline, (own) =>
            this.untilClosed(own, () => own.race(load(keys, own))),
          ),
        deadline,
      );
  }

  /** @throws {ClosedError} when it is closed, at once or meanwhile. */
  async untilClosed<T>(deadline: Deadline, work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw closed();
    this.#waiting.add(deadline);
    try {
      return await work();
    } finally {
      this.#waiting.delete(deadline);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const deadline of this.#waiting) deadline.cancel(closed());
  }
}

function closed(): ClosedError {
  return new ClosedError('The cache was closed before this ended.');
}
