import { UnavailableError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import type { Executor } from '../execution/executor.ts';
import type { StreamLimits } from '../execution/row-stream.ts';
import type { DepartureWatermark } from '../forwarding/departure-watermark.ts';
import type { Forwarding } from '../forwarding/forwarding.ts';
import { moverLifeMs } from '../forwarding/protocol-times.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import type { Shard } from '../topology/topology.ts';
import { type ScatterRequest, scatter } from './scatter.ts';

const pollMs = 20;
const patienceMs = 2_000;

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
export async function* stableScatter<T>(
  forwarding: Forwarding,
  executor: Executor,
  request: Omit<ScatterRequest<T>, 'limits' | 'onOpen'>,
  { openTimeoutMs, whole }: StreamLimits,
): AsyncGenerator<T, void, undefined> {
  const { shards } = request;
  const givingUpAt = performance.now() + patienceMs;
  for (;;) {
    const stable = await awaitStable(forwarding, shards, whole, givingUpAt);
    // A scatter ends what it runs under; the caller's deadline must outlive the first attempt.
    const attempt = whole.part(Number.POSITIVE_INFINITY);
    const stopListening = whole.onCancel((reason) => attempt.cancel(reason));
    const onOpen = async () => {
      if (!(await stable.lasted(whole))) throw new Disturbance();
    };
    try {
      yield* scatter(executor, {
        ...request,
        consistencyOf: stable.nobodyMoved ? request.consistencyOf : () => 'primary',
        limits: { openTimeoutMs, whole: attempt },
        onOpen,
      });
      return;
    } catch (error) {
      if (!(error instanceof Disturbance)) throw error;
      if (performance.now() >= givingUpAt) throw restless();
    } finally {
      stopListening();
    }
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
  lasted(deadline: Deadline): Promise<boolean>;
}

async function awaitStable(
  forwarding: Forwarding,
  shards: readonly Shard[],
  deadline: Deadline,
  givingUpAt: number,
): Promise<StableTime> {
  const all = shards.map((shard) => forwarding.watermarkOf(shard));
  const until = () => Math.min(...all.map(({ stableUntil }) => stableUntil));
  while (performance.now() >= until()) {
    const due = all.filter(({ stableUntil }) => stableUntil <= performance.now());
    await Promise.all(due.map((watermark) => watermark.ask(deadline)));
    if (performance.now() < until()) break;
    // A mover that died would keep everybody waiting until somebody's next sweep.
    const stuck = all.filter(({ oldestMs }) => oldestMs >= moverLifeMs);
    await Promise.all(
      stuck.map(({ shard }) =>
        forwarding.resolve(shard, undefined, deadline).catch(ignoreMeridian),
      ),
    );
    if (performance.now() >= givingUpAt) throw restless();
    await deadline.pause(pollMs);
  }
  assertNoneJoined(forwarding, all);
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
function assertNoneJoined(forwarding: Forwarding, all: readonly DepartureWatermark[]): void {
  for (const watermark of all) {
    const { keyspace } = watermark.shard;
    const joined = watermark.joinedBeside(forwarding.membersOf(keyspace));
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
