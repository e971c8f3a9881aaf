import type { Problem } from '../errors/config-error.ts';
import type { TableShape } from '../mysql/schema/table-shape.ts';
import type { ReferencePlan, TablePlan } from '../rows/schema/table-plan.ts';
import type { Shard, Topology } from '../topology/topology.ts';
import { checkAgreement, checkColumns } from './check-columns.ts';

/** The shapes of every shard's tables, by shard. */
export type Shapes = ReadonlyMap<string, ReadonlyMap<string, TableShape>>;

/** A plan and the shards that must hold its table. */
export interface SpreadPlan {
  readonly plan: TablePlan | ReferencePlan;
  readonly shards: readonly Shard[];
}

/** Where the tables of all plans must be: on the shards of their keyspace, or on every shard. */
export function spreadPlans(
  plans: readonly TablePlan[],
  references: readonly ReferencePlan[],
  topology: Topology,
): SpreadPlan[] {
  const everyShard = [...topology.shards.values()];
  return [
    ...plans.map((plan) => ({
      plan,
      shards: topology.keyspaces.get(plan.table.keyspace)?.shards ?? [],
    })),
    ...references.map((plan) => ({ plan, shards: everyShard })),
  ];
}

/** Checks every plan on every shard that must hold its table; each problem is reported once. */
export function checkAllColumns(
  plans: readonly SpreadPlan[],
  shapes: Shapes,
  problems: Problem[],
): void {
  for (const { plan, shards } of plans) {
    const found = new Map<string, Problem>();
    const shapeOn = (shard: string) => ({ shard, shape: shapes.get(shard)?.get(plan.table.name) });
    const first = shapeOn(shards[0]?.name ?? '');
    for (const { name } of shards) {
      const onShard: Problem[] = [];
      checkColumns(plan, shapes.get(name) ?? new Map(), name, onShard);
      checkAgreement(plan, first, shapeOn(name), onShard);
      // The same mistake on every shard is one mistake.
      for (const problem of onShard) if (!found.has(problem.path)) found.set(problem.path, problem);
    }
    problems.push(...found.values());
  }
}
