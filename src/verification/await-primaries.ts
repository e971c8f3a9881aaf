import { endpointLabel } from '../config/endpoint-url.ts';
import { CircuitOpenError, TimeoutError } from '../errors/call-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { isMeridianError, type MeridianError } from '../errors/meridian-error.ts';
import type { Executor } from '../execution/executor.ts';
import { onPrimary } from '../execution/on-primary.ts';
import { readIdentity } from '../identity/identity-table.ts';
import type { Observer } from '../observability/events.ts';
import type { Deadline } from '../resilience/time/deadline.ts';
import { within } from '../resilience/time/within.ts';
import type { Shard } from '../topology/topology.ts';

/** How long one look at a primary may take. */
const patienceMs = 3_000;
/** Between two looks at primaries of which some are down. */
const pauseMs = 250;

/** What primaries said when all of them were asked. */
export interface Answering {
  readonly up: readonly Shard[];
  /** Of those that did not answer, why. */
  readonly down: ReadonlyMap<Shard, MeridianError>;
  /** Whether one of them says which system it belongs to. */
  readonly recorded: boolean;
}

interface Waiting {
  readonly shards: readonly Shard[];
  readonly executor: Executor;
  readonly deadline: Deadline;
  readonly observe: Observer;
  /** What keeps the data layer from starting with those that are up; throws when waiting is in vain. */
  readonly lacks: (answering: Answering) => string | undefined;
}

/**
 * Asks primaries until those are up that a start needs: databases may be started together with the
 * services that use them.
 *
 * @throws {UnavailableError} naming every one that is down, when the deadline passes first.
 */
export async function awaitPrimaries(waiting: Waiting): Promise<Answering> {
  const { deadline, lacks } = waiting;
  const known = new Map<Shard, MeridianError>();
  for (;;) {
    const answering = await askAll(waiting, known);
    const lack = lacks(answering);
    if (lack === undefined) return answering;
    try {
      await deadline.pause(pauseMs);
    } catch (reason) {
      if (!(reason instanceof TimeoutError)) throw reason;
      throw unavailable(lack, answering.down, deadline.timeoutMs);
    }
  }
}

/** Asks each for a short while; `known` says why those are down that were asked before. */
async function askAll(
  { shards, executor, deadline, observe }: Waiting,
  known: Map<Shard, MeridianError>,
): Promise<Answering> {
  let recorded = false;
  const asked = shards.map(async (shard) => {
    try {
      const identity = await within(patienceMs, deadline, (own) =>
        onPrimary({ executor, deadline: own }, shard, readIdentity),
      );
      recorded ||= identity !== undefined;
      known.delete(shard);
      return shard;
    } catch (error) {
      if (!isMeridianError(error)) throw error;
      const before = known.get(shard);
      // That nobody asks any more says less than what was answered when somebody did.
      const saysLess = deadline.reason !== undefined || error instanceof CircuitOpenError;
      if (before !== undefined && saysLess) return [];
      known.set(shard, error);
      if (before?.message === error.message) return [];
      observe({ type: 'endpoint-fault', endpoint: shard.primary.name, message: error.message });
      return [];
    }
  });
  const up = (await Promise.all(asked)).flat();
  const down = shards.flatMap((shard) => {
    const why = known.get(shard);
    return why === undefined ? [] : [[shard, why] as const];
  });
  return { up, down: new Map(down), recorded };
}

function unavailable(
  lack: string,
  down: ReadonlyMap<Shard, MeridianError>,
  timeoutMs: number,
): UnavailableError {
  const lines = [...down].map(([{ name, region, primary }, { message, cause }]) => {
    const reason = cause instanceof DriverFault ? cause.message : message;
    return `  ${name} in region ${region.name} (${endpointLabel(primary.address)}): ${reason}`;
  });
  const [cause] = down.values();
  return new UnavailableError(
    `${lack} Waited for ${timeoutMs} ms (startupTimeoutMs). Down:\n${lines.join('\n')}`,
    { cause, context: { ...cause?.context, down: [...down.keys()].map(({ name }) => name) } },
  );
}
