import { ConfigError, type Problem } from '../errors/config-error.ts';
import { Call } from '../execution/call.ts';
import type { Endpoints } from '../execution/endpoints.ts';
import type { Executor } from '../execution/executor.ts';
import type { Observer } from '../observability/events.ts';
import { changeOf, checkSuccession, endpointChanges } from '../topology/succession.ts';
import { type Endpoint, endpointKey, endpointsOf, type Topology } from '../topology/topology.ts';
import type { TopologyStore } from '../topology/topology-store.ts';
import type { EndpointGate } from '../verification/endpoint-gate.ts';
import { inspectChange } from '../verification/inspect-change.ts';
import type { ShardInspection } from '../verification/shard-inspection.ts';

/** How long servers may take to say that they are what a topology means. */
const verificationMs = 15_000;

export interface AdoptionParts {
  readonly store: TopologyStore;
  readonly endpoints: Endpoints;
  readonly gate: EndpointGate;
  readonly inspection: ShardInspection;
  /** Asks endpoints that nobody has verified. */
  readonly unverified: Executor;
  readonly observe: Observer;
  /** Milliseconds after which calls are cut off that still run where the topology does not lead any more. */
  readonly drainMs: number;
  /** Holds a topology against tables and options. */
  check(topology: Topology, problems: Problem[]): void;
}

/**
 * Puts a topology in force: checked against the one before, tables and options; then every server asked that is new or
 * placed otherwise; then, in one step, calls begin on it. Where it leads no more, calls under way go on for `drainMs`.
 * Until that step everything is as it was.
 *
 * @throws {ConfigError} with every problem: it is refused; {@link UnavailableError} or {@link TimeoutError} when a server
 * does not answer that has to; the signal's reason.
 */
export async function adoptTopology(
  parts: AdoptionParts,
  next: Topology,
  source: string,
  signal: AbortSignal,
): Promise<void> {
  const { store, endpoints, gate, observe, drainMs } = parts;
  const startedAt = performance.now();
  const before = store.current;
  const problems: Problem[] = [];
  checkSuccession(before, next, problems);
  parts.check(next, problems);
  if (problems.length > 0) throw new ConfigError('The topology is not taken', problems);
  const retire = () =>
    endpoints.retireBut(endpointsOf(store.current.shards.values()), drainMs, (gone) =>
      gate.forget(gone),
    );
  // None is cut while it is asked whether it may stay.
  endpoints.reinstate(endpointsOf(next.shards.values()));
  try {
    const verified = await verify(parts, next, signal);
    gate.adopt(endpointsOf(next.shards.values()), verified);
    store.replace(next);
  } finally {
    // Of a topology that is refused, the pools of its own servers.
    retire();
  }
  observe({
    type: 'topology',
    source,
    epoch: next.epoch,
    revision: next.revision,
    before: before.epoch,
    ...endpointChanges(before, next),
    durationMs: performance.now() - startedAt,
  });
}

/** The endpoints that may be asked once the topology is in force. */
async function verify(
  { store, gate, inspection, unverified: executor, observe }: AdoptionParts,
  next: Topology,
  signal: AbortSignal,
): Promise<readonly Endpoint[]> {
  const call = new Call(next, verificationMs, signal);
  try {
    const change = changeOf(store.current, next);
    const inspected = await inspectChange({ inspection, executor, observe }, change, call);
    await inspection.record(inspected, call, change.joined.size > 0);
    // A primary whose facts could not be read has to be looked at before it is asked again.
    const told = new Set(inspected.shards.map(({ name }) => name));
    const stay = endpointsOf(change.kept).filter(
      (endpoint) =>
        gate.stateOf(endpoint) === 'verified' &&
        (endpoint.role === 'replica' || told.has(endpoint.shard)),
    );
    const keys = new Set(change.replicas.map(endpointKey));
    return [...inspected.endpoints, ...stay.filter((one) => !keys.has(endpointKey(one)))];
  } finally {
    call.end();
  }
}
