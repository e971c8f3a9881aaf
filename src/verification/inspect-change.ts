import { ConfigError } from '../errors/config-error.ts';
import { UnavailableError } from '../errors/database-error.ts';
import { isMeridianError } from '../errors/meridian-error.ts';
import type { Call } from '../execution/call.ts';
import type { Executor } from '../execution/executor.ts';
import { onPrimary } from '../execution/on-primary.ts';
import { isReadOnly } from '../identity/identity-table.ts';
import { remapProblem } from '../identity/shard-identity.ts';
import type { Observer } from '../observability/events.ts';
import { within } from '../resilience/time/within.ts';
import type { TopologyChange } from '../topology/succession.ts';
import type { Endpoint, Shard } from '../topology/topology.ts';
import type { InspectedShards, ShardInspection } from './shard-inspection.ts';

/** How long a server may take that the change does not need: who is slower is inspected later. */
const patienceMs = 1_000;

const isThere = { sql: 'SELECT 1 AS isThere', params: [] };

interface ChangeParts {
  readonly inspection: ShardInspection;
  /** Asks endpoints that nobody has verified. */
  readonly executor: Executor;
  readonly observe: Observer;
}

/**
 * Inspects what the topology of a call changes of the one in force: every shard that is new or placed otherwise,
 * and what shards that stay have on record, as far as they answer. Nothing is recorded yet.
 *
 * @returns the shards that may be recorded, and the endpoints that were not verified before and may be asked.
 * @throws {ConfigError} with every problem, also when shards get other slots than they have on record;
 * {@link UnavailableError} or {@link TimeoutError} when a primary does not answer that the change concerns.
 */
export async function inspectChange(
  parts: ChangeParts,
  { changed, kept, replicas, left }: TopologyChange,
  call: Call,
): Promise<InspectedShards> {
  const { inspection } = parts;
  await Promise.all(changed.map((shard) => assertWritable(parts, shard, call)));
  const answering = await thoseAnswering(parts, kept, call);
  const silent = kept.find((shard) => left.has(shard.keyspace) && !answering.includes(shard));
  if (silent !== undefined) {
    // It may have on record that the shard which is left out is a member.
    throw new UnavailableError(
      `A topology that leaves out a shard of keyspace '${silent.keyspace}' needs the others, and ${silent.primary.name} does not answer.`,
      { context: { shard: silent.name, endpoint: silent.primary.name } },
    );
  }
  await inspection.checkFacts(answering, call);
  const inspected =
    changed.length === 0
      ? { shards: [], endpoints: [], remapped: [], databases: new Map() }
      : await inspection.inspect(changed, call);
  const [moved] = inspected.remapped;
  if (moved !== undefined) {
    const names = inspected.remapped.map(({ shard }) => shard.name);
    const problem = remapProblem(moved.shard.keyspace, names);
    throw new ConfigError('The databases do not fit', [problem]);
  }
  const endpoints = await Promise.all(
    replicas.map((replica) =>
      ifAnswering(parts, replica, call, (part) => inspection.inspectLate(replica, part)),
    ),
  );
  return {
    shards: [...inspected.shards, ...answering],
    endpoints: [...inspected.endpoints, ...endpoints.flat()],
    remapped: [],
    databases: inspected.databases,
  };
}

/** One that is being promoted is read-only until that is done: then it is worth another try. */
async function assertWritable({ executor }: ChangeParts, shard: Shard, call: Call): Promise<void> {
  if (!(await onPrimary({ executor, deadline: call }, shard, isReadOnly))) return;
  throw new UnavailableError(`${shard.primary.name} is read-only, so it is no primary.`, {
    context: { shard: shard.name, endpoint: shard.primary.name },
  });
}

async function thoseAnswering(
  parts: ChangeParts,
  shards: readonly Shard[],
  call: Call,
): Promise<readonly Shard[]> {
  const { executor } = parts;
  const asked = shards.map(async (shard) => {
    // One that is busy with our own calls answers as well: it is no reason to bar it.
    const answered = await ifAnswering(parts, shard.primary, call, (deadline) =>
      executor.ask(shard.primary, isThere, deadline),
    );
    return answered.map(() => shard);
  });
  return (await Promise.all(asked)).flat();
}

/** The endpoint, or none where it does not answer or is not what it must be, which is told. */
async function ifAnswering(
  { observe }: ChangeParts,
  endpoint: Endpoint,
  call: Call,
  ask: (part: Call) => Promise<unknown>,
): Promise<Endpoint[]> {
  try {
    await within(patienceMs, call, ask);
    return [endpoint];
  } catch (error) {
    if (call.reason !== undefined || !isMeridianError(error)) throw error;
    observe({ type: 'endpoint-fault', endpoint: endpoint.name, message: error.message });
    return [];
  }
}
