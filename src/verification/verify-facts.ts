import type { Problem } from '../errors/config-error.ts';
import { DriverFault } from '../errors/driver-fault.ts';
import { type Asking, changePrimary, onPrimary } from '../execution/on-primary.ts';
import {
  factsTable,
  forgetFactSql,
  insertFacts,
  type RecordedFacts,
  readFacts,
  recordFactSql,
  replaceFact,
} from '../identity/facts-table.ts';
import { holdsRows } from '../identity/identity-table.ts';
import {
  type Declared,
  type FactConflict,
  type FactVerdict,
  factConflict,
  judgeFacts,
} from '../identity/shared-facts.ts';
import type { Shard, Topology } from '../topology/topology.ts';

/** The server's numbers for a right to write that is missing: on a table, and on a column. */
export const mayNotWrite = new Set<number | undefined>([1142, 1143]);

/** Two processes may record at once; each round ends with what one of them recorded. */
const mostRounds = 5;

export interface FactCheck extends Asking {
  readonly topology: Topology;
  readonly shards: readonly Shard[];
  /** What this service says of a shard. */
  readonly declare: (shard: Shard) => Declared;
  /** Whether what is recorded of an empty keyspace may be replaced. */
  readonly systemTables: 'create' | 'verify';
  /** Tables that every shard holds in full: their rows live in no slot. */
  readonly referenceTables: ReadonlySet<string>;
  /** Names of the system tables whose rows do. */
  readonly placedTables: readonly string[];
}

/** Refuses what can't be beside what the databases have recorded. Records nothing. */
export async function checkFacts(check: FactCheck, problems: Problem[]): Promise<void> {
  await judgeAll(check, problems);
}

/**
 * Records what the databases do not know yet, once everything else was found to fit: a service that is
 * refused leaves nothing behind. What another process recorded meanwhile is refused as ever.
 *
 * @returns whether a shard has joined a keyspace that others know without it.
 */
export async function recordFacts(check: FactCheck, problems: Problem[]): Promise<boolean> {
  const verdicts = await judgeAll(check, problems);
  if (verdicts === undefined) return false;
  // One after the other, in an order that all processes share: of two that differ, the one that is
  // first on the first shard is so on all.
  for (const shard of check.shards.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    let verdict = verdicts.get(shard.name);
    for (let round = 0; verdict !== undefined && isOpen(verdict); round++) {
      if (round === mostRounds) throw new TypeError('facts do not settle');
      const refused = await record(check, shard, verdict);
      if (refused !== undefined) {
        problems.push(unrecorded(shard, refused));
        return false;
      }
      verdict = (await judgeAll({ ...check, shards: [shard] }, problems))?.get(shard.name);
    }
    if (verdict === undefined) return false;
  }
  return [...verdicts.values()].some(({ joins }) => joins);
}

function isOpen({ added, replaced, whileEmpty }: FactVerdict): boolean {
  return added.length + replaced.length + whileEmpty.length > 0;
}

/** Undefined when there is a conflict, which is a problem then. */
async function judgeAll(
  check: FactCheck,
  problems: Problem[],
): Promise<Map<string, FactVerdict> | undefined> {
  const judged = await Promise.all(
    check.shards.map(async (shard) => {
      const recorded = await onPrimary(check, shard, readFacts);
      return { shard, recorded, verdict: judgeFacts(check.declare(shard), recorded, shard.name) };
    }),
  );
  const conflicts = judged.flatMap(({ verdict }) => verdict.conflicts);
  for (const keyspace of new Set(judged.map(({ shard }) => shard.keyspace))) {
    const changing = judged.filter(
      ({ shard, verdict }) => shard.keyspace === keyspace && verdict.whileEmpty.length > 0,
    );
    if (changing.length === 0) continue;
    const mayChange =
      changing.every(({ recorded }) => isNewer(check.topology, recorded)) &&
      check.systemTables === 'create' &&
      (await isEmpty(check, keyspace));
    if (mayChange) continue;
    for (const { shard, verdict } of changing) {
      conflicts.push(
        ...verdict.whileEmpty.map(({ fact, recorded }) => factConflict(fact, recorded, shard.name)),
      );
    }
  }
  problems.push(...told(conflicts));
  if (conflicts.length > 0) return undefined;
  return new Map(judged.map(({ shard, verdict }) => [shard.name, verdict]));
}

/** Whether a topology may give an empty keyspace another shape: who runs on the older one must be told from it. */
export function isNewer({ epoch }: Topology, recorded: RecordedFacts): boolean {
  const known = recorded.get('topology/epoch');
  return known === undefined || epoch > Number(known);
}

/** Whether no shard of a keyspace holds a row that lives in a slot. */
export async function isEmpty(
  check: Asking & Pick<FactCheck, 'topology' | 'referenceTables' | 'placedTables'>,
  keyspace: string,
): Promise<boolean> {
  const shards = check.topology.keyspaces.get(keyspace)?.shards ?? [];
  const full = await Promise.all(
    shards.map((shard) =>
      onPrimary(check, shard, (session, deadline) =>
        holdsRows(session, check.referenceTables, check.placedTables, deadline),
      ),
    ),
  );
  return !full.includes(true);
}

/** Undefined once they are recorded; else the statements that the user may not run. */
async function record(
  check: FactCheck,
  shard: Shard,
  { added, replaced, whileEmpty }: FactVerdict,
): Promise<readonly string[] | undefined> {
  const changed = [...whileEmpty, ...replaced];
  return changePrimary(check, shard, async (session, deadline) => {
    try {
      if (added.length > 0) await session.run(insertFacts(added), deadline);
      for (const { fact, recorded } of changed) {
        await session.run(replaceFact(fact.name, recorded, fact.value), deadline);
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof DriverFault && mayNotWrite.has(error.errno))) throw error;
      return [...added, ...changed.map(({ fact }) => fact)].map(recordFactSql);
    }
  });
}

function unrecorded({ name, primary }: Shard, statements: readonly string[]): Problem {
  return {
    path: primary.path,
    message:
      `the user of shard '${name}' may not record what services share. Grant it INSERT, UPDATE and DELETE on ` +
      `${factsTable}, or run:\n${statements.join('\n')}`,
  };
}

/** The same difference on every shard is one problem. */
function told(conflicts: readonly FactConflict[]): Problem[] {
  const byName = new Map(conflicts.toReversed().map((conflict) => [conflict.name, conflict]));
  return [...byName.values()].reverse().map(({ name, path, message, forgetWhen }) => ({
    path,
    message:
      forgetWhen === undefined
        ? message
        : `${message} ${forgetWhen}, run on every shard that has it on record: ${forgetFactSql(name)};`,
  }));
}
