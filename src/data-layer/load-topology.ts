import type { DataLayerConfig } from '../config/data-layer-config.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { loadFirst } from '../reconfiguration/first-topology.ts';
import type { FirstTopology } from '../reconfiguration/topology-follower.ts';
import { Deadline } from '../resilience/time/deadline.ts';
import type { Tables } from '../rows/schema/row-types.ts';
import { createTopology } from '../topology/create-topology.ts';
import { fileTopology } from '../topology/sources/file-topology.ts';
import { staticTopology, type TopologySource } from '../topology/sources/topology-source.ts';
import type { Topology } from '../topology/topology.ts';
import type { DataLayerOptions } from './data-layer-options.ts';

/** Asks the source for the document to start on; undefined, with the problems, where it has none. */
export async function loadDocument(
  source: TopologySource,
  signal: unknown,
  config: DataLayerConfig | undefined,
  problems: Problem[],
): Promise<FirstTopology | undefined> {
  const { startupTimeoutMs = 30_000, keepLastGood } = config ?? {};
  const starting = new Deadline(
    startupTimeoutMs,
    signal instanceof AbortSignal ? signal : undefined,
  );
  try {
    return await loadFirst(source, keepLastGood, starting);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    add(error.problems, problems);
    return undefined;
  } finally {
    starting.end();
  }
}

/** The snapshot that it describes, if it describes one. */
export function createFirst(document: unknown, problems: Problem[]): Topology | undefined {
  const own: Problem[] = [];
  const topology = createTopology(document, own);
  add(own, problems);
  return topology;
}

/** One by one: as arguments of one call, many thousands would overflow the stack. */
function add(some: readonly Problem[], problems: Problem[]): void {
  for (const problem of some) problems.push(problem);
}

/** What the option `topology` comes to. */
export function sourceOf(given: DataLayerOptions<Tables>['topology']): TopologySource {
  if (typeof given === 'string') return fileTopology(given);
  const isSource = typeof given === 'object' && given !== null && 'load' in given;
  return isSource ? given : staticTopology(given);
}
