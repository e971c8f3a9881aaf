import { didYouMean } from '../../config/did-you-mean.ts';
import type { ValueKind } from './column-kind.ts';
import type { LookupRule, Table } from './define-table.ts';
import type { PlanContext, PlannedColumn, Report } from './planned-column.ts';

/** A lookup that was found consistent with its table and the options. */
export interface LookupPlan {
  readonly column: string;
  /** What the directory calls it: `people/users.phone`. */
  readonly name: string;
  readonly kind: ValueKind;
  readonly personal: boolean;
  readonly rule: LookupRule;
}

const kinds: readonly ValueKind[] = ['uuid', 'string', 'date-text', 'integer', 'bigint'];
const ruleKeys = ['unique', 'normalize', 'personal'];
const plainName = /^[\w$]{1,64}$/;

/** Checks a table's lookups by themselves, against its columns and the option `directory`. */
export function planLookups(
  table: Table,
  columns: ReadonlyMap<string, PlannedColumn>,
  { topology, directory }: PlanContext,
  report: Report,
): LookupPlan[] {
  const keyspace = topology?.keyspaces.get(table.keyspace);
  const isStrict = keyspace?.shards.some(({ region }) => region.residency === 'strict') ?? false;
  const plans = Object.entries(table.lookups ?? {}).flatMap(([column, rule]) => {
    if (!(column in table.schema.shape)) {
      const known = Object.keys(table.schema.shape);
      report(`lookups.${column}`, `is no column of the schema${didYouMean(column, known)}`);
      return [];
    }
    checkRule(column, rule, report);
    const planned = columns.get(column);
    if (planned === undefined) return [];
    checkColumn(table, column, planned, report);
    const personal = rule?.personal !== false;
    if (personal && directory !== undefined && directory.keys.length === 0) {
      report(
        `lookups.${column}`,
        'holds personal values, and directory.keys is empty: give a secret key, or say personal: false',
      );
    }
    if (!personal && isStrict) {
      report(
        `lookups.${column}.personal`,
        'would store values of a strict region readably elsewhere; leave it out, so that their HMAC is stored',
      );
    }
    const name = `${table.keyspace}/${table.name}.${column}`;
    return [{ column, name, kind: planned.kind, personal, rule }];
  });
  if (plans.length > 0 && directory === undefined) {
    report('lookups', 'need the option directory: { keyspace, keys }');
  }
  return plans;
}

function checkRule(column: string, rule: unknown, report: Report): void {
  const at = (key?: string) => ['lookups', column, key].filter(Boolean).join('.');
  if (typeof rule !== 'object' || rule === null) {
    report(at(), 'is no lookup; write { unique: true }');
    return;
  }
  for (const key of Object.keys(rule)) {
    if (!ruleKeys.includes(key)) report(at(key), `unknown key${didYouMean(key, ruleKeys)}`);
  }
  const of = (key: string): unknown => Reflect.get(rule, key);
  if (of('unique') !== true) report(at('unique'), 'must be true');
  if (of('normalize') !== undefined && typeof of('normalize') !== 'function') {
    report(at('normalize'), 'must be a function that gives text');
  }
  if (of('personal') !== undefined && typeof of('personal') !== 'boolean') {
    report(at('personal'), 'must be true or false');
  }
}

function checkColumn(
  table: Table,
  column: string,
  { kind, storedAs }: PlannedColumn,
  report: Report,
): void {
  if (column === table.primaryKey) {
    report(`lookups.${column}`, 'is the primary key, which is unique already; use get()');
  }
  if (!kinds.includes(kind) || storedAs === 'json' || storedAs === 'decimal') {
    report(
      `lookups.${column}`,
      `holds ${storedAs} values; a lookup is by UUID, text, a date, an integer or a bigint`,
    );
  }
  for (const name of [table.name, column]) {
    if (plainName.test(name)) continue;
    report(`lookups.${column}`, `'${name}' is not made of letters, digits, _ and $`);
  }
}
