import { UnavailableError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { Call } from '../execution/call.ts';
import type { DepartureWatermark } from '../forwarding/departure-watermark.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import { moverLifeMs } from '../forwarding/protocol-times.ts';
import { keyspaceOf } from '../routing/router.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import type { Row } from './merge.ts';
import type { ScatterRequest } from './scatter.ts';

const pollMs = 20;
const patienceMs = 2_000;

/** A request, and the call that it is part of. */
export interface Calling {
  readonly limits: { readonly openTimeoutMs: number; readonly whole: Call };
}

/** Somebody left a shard while it was being asked. */
class Disturbance extends Error {}

/**
 * A scatter in which no owner goes from one of the shards to another between two answers: its rows
 * would be there twice, or not at all. When one does, all shards are asked again, before the first
 * row is handed out.
 *
 * @throws {UnavailableError} when there is no such time for two seconds; {@link RoutingError} when a shard has
 * joined that this process does not know.
 */
export async function* stableScatter(
  forwarding: Forwarding,
  request: ScatterRequest & Calling,
  scatter: (request: ScatterRequest) => AsyncGenerator<Row, void, undefined>,
): AsyncGenerator<Row, void, undefined> {
  const attempts = new Attempts(forwarding, request);
  for (;;) {
    const attempt = await attempts.next();
    try {
      yield* scatter(attempt.request);
      return;
    } catch (error) {
      attempts.assertDisturbed(error);
    } finally {
      attempt.end();
    }
  }
}

/** {@link stableScatter} for what is collected. */
export async function stableCollect<T>(
  forwarding: Forwarding,
  request: ScatterRequest & Calling,
  collect: (request: ScatterRequest) => Promise<T>,
): Promise<T> {
  const attempts = new Attempts(forwarding, request);
  for (;;) {
    const attempt = await attempts.next();
    try {
      return await collect(attempt.request);
    } catch (error) {
      attempts.assertDisturbed(error);
    } finally {
      attempt.end();
    }
  }
}

class Attempts {
  readonly #forwarding: Forwarding;
  readonly #request: ScatterRequest & Calling;
  readonly #givingUpAt = performance.now() + patienceMs;

  constructor(forwarding: Forwarding, request: ScatterRequest & Calling) {
    this.#forwarding = forwarding;
    this.#request = request;
  }

  /** Waits for a stable time, in which the request may be run. */
  async next(): Promise<{ readonly request: ScatterRequest; end(): void }> {
    const { shards, limits, consistencyOf } = this.#request;
    const { whole, openTimeoutMs } = limits;
    const stable = await awaitStable(this.#forwarding, shards, whole, this.#givingUpAt);
    // A scatter ends what it runs under; the caller's deadline must outlive the first attempt.
    const attempt = whole.part(Number.POSITIVE_INFINITY);
    const stopListening = whole.onCancel((reason) => attempt.cancel(reason));
    return {
      request: {
        ...this.#request,
        consistencyOf: stable.nobodyMoved ? consistencyOf : () => 'primary',
        limits: { openTimeoutMs, whole: attempt },
        onOpen: async () => {
          if (!(await stable.lasted(whole))) throw new Disturbance();
        },
      },
      end: stopListening,
    };
  }

  /** Throws what is no disturbance, or one too many. */
  assertDisturbed(error: unknown): void {
    if (!(error instanceof Disturbance)) throw error;
    if (performance.now() >= this.#givingUpAt) throw restless();
  }
}

/** A time in which no owner goes from one of some shards to another. */
interface StableTime {
  /**
   * Whether no owner has left any of the shards as long as they remember. If one has, replicas that lag
   * by different times would show it on both sides or on neither, and nobody knows for how long.
   */
  readonly nobodyMoved: boolean;
  /**
   * Whether nobody has left any of the shards since, so that what all of them have begun to answer
   * by now holds no row twice and lacks none.
   */
  lasted(call: Call): Promise<boolean>;
}

async function awaitStable(
  forwarding: Forwarding,
  shards: readonly Shard[],
  call: Call,
  givingUpAt: number,
): Promise<StableTime> {
  const all = shards.map((shard) => forwarding.watermarkOf(shard));
  const until = () => Math.min(...all.map(({ stableUntil }) => stableUntil));
  while (performance.now() >= until()) {
    const due = all.filter(({ stableUntil }) => stableUntil <= performance.now());
    await Promise.all(due.map((watermark) => watermark.ask(call)));
    if (performance.now() < until()) break;
    // A mover that died would keep everybody waiting until somebody's next sweep.
    const stuck = all.filter(({ oldestMs }) => oldestMs >= moverLifeMs);
    await Promise.all(
      stuck.map(({ shard }) =>
        forwarding
          .resolve({ topology: call.topology, shard }, undefined, call)
          .catch(ignoreMeridian),
      ),
    );
    if (performance.now() >= givingUpAt) throw restless();
    await call.pause(pollMs);
  }
  assertNoneJoined(call.topology, all);
  const stableUntil = until();
  const cutovers = all.map(({ lastCutover }) => lastCutover);
  return {
    nobodyMoved: all.every(({ hasDepartures }) => !hasDepartures),
    async lasted(whole) {
      if (performance.now() < stableUntil) return true;
      await Promise.all(all.map((watermark) => watermark.ask(whole)));
      const unchanged = all.every(({ lastCutover }, index) => lastCutover === cutovers[index]);
      return unchanged && performance.now() < until();
    },
  };
}

/** Who lets a shard join waits until this is known everywhere, before it puts rows there. */
function assertNoneJoined(topology: Topology, all: readonly DepartureWatermark[]): void {
  for (const watermark of all) {
    const { keyspace } = watermark.shard;
    const members = keyspaceOf(topology, keyspace).shards.map(({ name }) => name);
    const joined = watermark.joinedBeside(new Set(members));
    if (joined === undefined) continue;
    throw new RoutingError(
      `Shard '${joined}' has joined keyspace '${keyspace}' since this process read its topology, so its rows would be missing. ` +
        'Start this process with the newest topology; one that runs on it may ask.',
      { keyspace, shard: joined },
    );
  }
}

/** A shard that keeps a move from being ended is reported when the patience for a stable time is over. */
function ignoreMeridian(error: unknown): void {
  if (!isMeridianError(error)) throw error;
}

function restless(): UnavailableError {
  return new UnavailableError(
    'Owners are being moved between these shards just now, so that rows could be there twice. Try again in a moment.',
  );
}
