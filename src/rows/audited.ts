import { ResidencyError } from '../errors/residency-error.ts';
import type { Observer, ResidencyAction } from '../observability/events.ts';
import type { Topology } from '../topology/topology.ts';

/** Who is named in the audit trail. */
export interface Who {
  readonly service: string;
  /** Where the process runs. */
  readonly processRegion: string | undefined;
}

/**
 * Makes a decision that the law may forbid, and reports the refusal if it does. Decisions are made
 * here and nowhere above, so that each refusal is one event, also when the caller swallows its error.
 */
export type Audited = <T>(action: ResidencyAction, decide: () => T) => T;

export function auditedFor(table: string, who: Who, observe: Observer): Audited {
  return (action, decide) => {
    try {
      return decide();
    } catch (error) {
      if (error instanceof ResidencyError) {
        const { strictRegions, region } = error;
        observe({ type: 'residency', action, ...who, table, strictRegions, region });
      }
      throw error;
    }
  };
}

/** The replicas that the topology has where they may not be. Nothing asks them, so nothing refuses. */
export function reportUnlawfulReplicas({ shards }: Topology, who: Who, observe: Observer): void {
  for (const { region: strict, unlawfulReplicas } of shards.values()) {
    for (const { name: endpoint, region } of unlawfulReplicas) {
      observe({
        type: 'residency',
        action: 'replica',
        ...who,
        table: undefined,
        strictRegions: [strict.name],
        region,
        endpoint,
      });
    }
  }
}
