import type { Problem } from '../errors/config-error.ts';
import { systemPrefix } from '../mysql/schema/system-tables.ts';
import type { DatabaseRules, TableRules, UniqueIndex } from '../mysql/schema/table-rules.ts';
import type { TableShape } from '../mysql/schema/table-shape.ts';
import { type SqlToken, tokensOf } from '../mysql/sql/sql-tokens.ts';
import { type HiddenEffects, runTextOf } from '../rows/raw/hidden-effects.ts';
import type { ReferencePlan, TablePlan } from '../rows/schema/table-plan.ts';
import type { SpreadPlan } from './check-tables.ts';
import type { ShardRules } from './shard-rules.ts';

type Plan = TablePlan | ReferencePlan;

/** Meridian's own triggers keep writers out, and change nothing. */
const isOwn = (name: string) => name.startsWith(systemPrefix);

/** A unique index that is so on each shard, but not over all of them. */
export interface LocalUniqueness {
  readonly plan: Plan;
  readonly index: UniqueIndex;
}

/** Holds what servers do by themselves against what a table's rows must be; each problem is told once. */
export function checkAllRules(
  plans: readonly SpreadPlan[],
  rules: ShardRules,
  shapes: ReadonlyMap<string, ReadonlyMap<string, TableShape>>,
  problems: Problem[],
): LocalUniqueness[] {
  const found = new Map<string, Problem>();
  const local = new Map<string, LocalUniqueness>();
  for (const { plan, shards } of plans) {
    for (const { name: shard } of shards) {
      const database = rules.byShard.get(shard);
      const table = database?.tables.get(plan.table.name);
      const shape = shapes.get(shard)?.get(plan.table.name);
      if (database === undefined || table === undefined || shape === undefined) continue;
      const effects = rules.effectsOf([{ name: shard }]);
      const report = (path: string, message: string) => {
        const at = `tables.${plan.label}${path === '' ? '' : `.${path}`}`;
        const id = JSON.stringify([at, message]);
        if (!found.has(id)) found.set(id, { path: at, message: `${message} (on shard ${shard})` });
      };
      checkEngine(table, report);
      checkCascades(plan, table, report);
      checkTriggers(plan, database, effects, report);
      if ('reference' in plan.table || shards.length < 2) continue;
      checkGeneratedKey(plan, shape, report);
      for (const index of table.uniqueIndexes) {
        if (!isUniqueEverywhere(plan, index))
          local.set(`${plan.label}.${index.name}`, { plan, index });
      }
    }
  }
  problems.push(...found.values());
  return [...local.values()];
}

/** What `uniqueAcrossShards: 'refuse'` says of such an index. */
export function uniquenessProblem({ plan, index }: LocalUniqueness): Problem {
  return {
    path: `tables.${plan.label}`,
    message:
      `index '${index.name}' makes (${index.columns.join(', ')}) unique on each shard only, so two shards may hold one value. ` +
      'Declare the column as a lookup, add the shard key to the index, or make it an ordinary index',
  };
}

type Report = (path: string, message: string) => void;

function checkEngine({ engine }: TableRules, report: Report): void {
  if (engine === 'InnoDB') return;
  report(
    '',
    `its engine is ${engine}, which has no transactions of ours: a rolled back row would stay. Run ALTER TABLE … ENGINE=InnoDB`,
  );
}

function checkCascades({ table }: Plan, { cascades }: TableRules, report: Report): void {
  const kept = table.cache !== undefined ? 'cache' : hasLookups(table) ? 'lookups' : undefined;
  if (kept === undefined) return;
  for (const { name, rule } of cascades) {
    report(
      kept,
      `foreign key '${name}' says ${rule}: the server changes rows of this table of which nobody is told, and ` +
        `${kept === 'cache' ? 'its cache would go on serving them' : 'their unique values would stay taken'}. ` +
        `Make it RESTRICT and change the rows by this table, or drop the ${kept}`,
    );
  }
}

function hasLookups(table: Plan['table']): boolean {
  return 'lookups' in table && Object.keys(table.lookups).length > 0;
}

/**
 * A trigger may write cached rows of which nobody is told, and columns of its own row, which then is not
 * the one that was given.
 */
function checkTriggers(
  { table }: Plan,
  { triggers }: DatabaseRules,
  effects: HiddenEffects,
  report: Report,
): void {
  for (const { name, table: on, body } of triggers) {
    if (isOwn(name)) continue;
    const run = runTextOf(body);
    const tokens = tokensOf(run);
    const text = withoutTexts(run, tokens);
    if (table.cache !== undefined && on !== table.name && effects.mayChange(table.name, tokens)) {
      report(
        'cache',
        `${on === undefined ? `event '${name}'` : `trigger '${name}' of '${on}'`} may change rows of this table, which its cache would not hear of. Write them in your service, or drop the cache`,
      );
    }
    if (on !== table.name) continue;
    for (const [, quoted, bare] of text.matchAll(
      /\bNEW\s*\.\s*(?:`([^`]+)`|([\w$]+))\s*:?=(?!=)/gi,
    )) {
      const column = quoted ?? bare ?? '';
      if (!(column in table.schema.shape) || !isAssigned(text, column)) continue;
      report(
        `schema.${column}`,
        `trigger '${name}' sets it, so that what is stored is not what was given. Set it in your service, or leave it out of the schema`,
      );
    }
  }
}

/** The same without what stands in quotes, which would be taken for a statement. */
function withoutTexts(body: string, tokens: readonly SqlToken[]): string {
  return tokens
    .map(({ kind, start, end }) => (kind === 'text' ? "''" : body.slice(start, end)))
    .join(' ');
}

/** `SET NEW.a = 1, NEW.b = 2`, and not `IF NEW.a = 1`. */
function isAssigned(body: string, column: string): boolean {
  const name = `NEW\\s*\\.\\s*\`?${escaped(column)}\`?\\s*:?=`;
  return new RegExp(`\\bSET\\b[^;]*${name}`, 'i').test(body);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Every shard's counter draws the same numbers. */
function checkGeneratedKey({ table }: Plan, shape: TableShape, report: Report): void {
  if (shape.columns.get(table.primaryKey)?.autoIncrement !== true) return;
  report(
    'primaryKey',
    `'${table.primaryKey}' is AUTO_INCREMENT, and each shard would draw the same ids. ` +
      'Drop AUTO_INCREMENT and give the ids, or let insert make them: z.uuid(). Where foreign keys refer to the column, ' +
      'SET foreign_key_checks = 0 in the session that alters it',
  );
}

/** Rows with one value of the index are on one shard then, or the directory keeps it unique. */
function isUniqueEverywhere({ table }: Plan, { columns }: UniqueIndex): boolean {
  const placing = 'shardKey' in table ? [table.primaryKey, table.shardKey] : [table.primaryKey];
  if (columns.some((column) => placing.includes(column))) return true;
  const [only, ...more] = columns;
  return more.length === 0 && only !== undefined && 'lookups' in table && only in table.lookups;
}
