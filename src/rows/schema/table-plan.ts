import { z } from 'zod';
import { didYouMean } from '../../config/did-you-mean.ts';
import type { Problem } from '../../errors/config-error.ts';
import type { Topology } from '../../topology/topology.ts';
import { checkCache } from './cache-limits.ts';
import { checkTableParts } from './check-definition.ts';
import type { StoredAs } from './column-codec.ts';
import { type ColumnKind, columnKind } from './column-kind.ts';
import type { RowSchema, Table } from './define-table.ts';
import { type LookupPlan, planLookups } from './lookup-plan.ts';
import type { PlanContext, PlannedColumn, Report } from './planned-column.ts';
import type { ReferenceTable } from './reference-table.ts';
import { isBranded } from './table-brand.ts';

/** What a table's definition says of its rows, wherever they live. */
export type RowTable<Schema extends RowSchema = RowSchema> = Omit<
  ReferenceTable<string, Schema>,
  'reference'
>;

/** A definition that was found consistent, with what every column holds. */
export interface RowPlan<Schema extends RowSchema = RowSchema> {
  /** The name under which the data layer offers it. */
  readonly label: string;
  readonly table: RowTable<Schema>;
  readonly columns: ReadonlyMap<string, PlannedColumn>;
}

/** The plan of a table whose rows live in a keyspace. */
export interface TablePlan<Schema extends RowSchema = RowSchema> extends RowPlan<Schema> {
  readonly table: Table<string, string, Schema>;
  readonly lookups: readonly LookupPlan[];
}

/** The plan of a table that every shard holds. */
export interface ReferencePlan<Schema extends RowSchema = RowSchema> extends RowPlan<Schema> {
  readonly table: ReferenceTable<string, Schema>;
}

/** Of the form of every id that `insert` makes. */
export const sampleId = '00000000-0000-7000-8000-000000000000';

const keyKinds = new Set(['uuid', 'string', 'integer', 'bigint']);

/** Checks one definition by itself and against the topology; undefined when it has a problem. */
export function planTable<Schema extends RowSchema>(
  label: string,
  table: Table<string, string, Schema>,
  context: PlanContext,
  problems: Problem[],
): TablePlan<Schema> | undefined {
  const before = problems.length;
  const report = reporter(label, problems);
  const columns = planRows(table, report);
  if (columns === undefined) return undefined;
  checkPlacement(table, columns, context.topology, report);
  const lookups = planLookups(table, columns, context, report);
  return problems.length === before ? { label, table, columns, lookups } : undefined;
}

/** Checks a reference table by itself: there is no placement to check. */
export function planReference<Schema extends RowSchema>(
  label: string,
  table: ReferenceTable<string, Schema>,
  problems: Problem[],
): ReferencePlan<Schema> | undefined {
  const before = problems.length;
  const columns = planRows(table, reporter(label, problems));
  return columns !== undefined && problems.length === before
    ? { label, table, columns }
    : undefined;
}

function reporter(label: string, problems: Problem[]): Report {
  return (path, message) => {
    problems.push({ path: ['tables', label, path].filter(Boolean).join('.'), message });
  };
}

/** What the columns hold; undefined when this is no table at all. */
function planRows(table: RowTable, report: Report): Map<string, PlannedColumn> | undefined {
  const mistake = mistakeIn(table);
  if (mistake !== undefined) {
    report(...mistake);
    return undefined;
  }
  let isWhole = true;
  checkTableParts(table, (path, message) => {
    isWhole = false;
    report(path, message);
  });
  // What is no such thing at all can't be looked into.
  if (!isWhole) return undefined;
  const columns = planColumns(table, report);
  checkKeys(table, columns, report);
  checkCache(table.cache, columns, report);
  return columns;
}

/** Why a value is no table, and where. */
function mistakeIn(value: unknown): [path: string, message: string] | undefined {
  if (!isBranded(value)) {
    const isDefinition = typeof value === 'object' && value !== null && 'schema' in value;
    return isDefinition
      ? ['', 'is a plain object; hand it to defineTable first: defineTable({ name, … })']
      : ['', 'is no table; make it with defineTable({ … })'];
  }
  return 'schema' in value && value.schema instanceof z.ZodObject
    ? undefined
    : ['schema', 'must be a z.object({ … }) of zod 4, with one field a column'];
}

function planColumns(table: RowTable, report: Report): Map<string, PlannedColumn> {
  const planned = new Map<string, PlannedColumn>();
  const { shape } = table.schema;
  const { catchall, checks = [] } = table.schema.def;
  if (checks.length > 0) {
    report(
      'schema',
      'has a rule for the whole row, which an update of some columns could not check; check it in your service',
    );
  }
  if (catchall !== undefined && !(catchall instanceof z.ZodNever)) {
    report('schema', 'is a loose object; name every column');
  }
  for (const column of Object.keys(table.columns)) {
    if (Object.hasOwn(shape, column)) continue;
    report(
      `columns.${column}`,
      `is no column of the schema${didYouMean(column, Object.keys(shape))}`,
    );
  }
  for (const [column, type] of Object.entries(shape)) {
    const kind = columnKind(type);
    if (typeof kind === 'string') {
      report(`schema.${column}`, kind);
      continue;
    }
    const stored = storedAsOf(
      kind,
      Object.hasOwn(table.columns, column) ? table.columns[column] : undefined,
    );
    if ('problem' in stored) report(`columns.${column}`, stored.problem);
    else planned.set(column, { ...kind, ...stored });
  }
  return planned;
}

const codecKinds = {
  'uuid-binary': ['uuid'],
  decimal: ['string'],
  'datetime-text': ['string'],
  bytes: ['custom'],
  json: undefined,
} as const;

/** What a column is stored as, or why that can't be told. */
function storedAsOf(
  { kind }: ColumnKind,
  codec: unknown,
): { readonly storedAs: StoredAs } | { readonly problem: string } {
  if (codec === undefined) {
    if (kind !== 'custom') return { storedAs: kind };
    const problem =
      "has a zod type that says nothing about its column; name a codec, 'bytes' or 'json'";
    return { problem };
  }
  const names = Object.keys(codecKinds).join(', ');
  if (typeof codec !== 'string') return { problem: `must name a codec: ${names}` };
  if (!isCodec(codec)) {
    const meant = didYouMean(codec, Object.keys(codecKinds));
    return { problem: `unknown codec '${codec}'${meant}; known: ${names}` };
  }
  const kinds: readonly string[] | undefined = codecKinds[codec];
  if (kinds === undefined || kinds.includes(kind)) return { storedAs: codec };
  const needed = kinds.join(' or ');
  return { problem: `codec '${codec}' needs a zod type that holds ${needed}, not ${kind}` };
}

function isCodec(name: string): name is keyof typeof codecKinds {
  return Object.hasOwn(codecKinds, name);
}

function checkKeys(
  table: RowTable & { readonly shardKey?: string },
  columns: ReadonlyMap<string, PlannedColumn>,
  report: Report,
): void {
  for (const role of ['primaryKey', 'shardKey'] as const) {
    const name = table[role];
    if (name === undefined || (role === 'shardKey' && name === table.primaryKey)) continue;
    if (!(name in table.schema.shape)) {
      report(
        role,
        `there is no column '${name}'${didYouMean(name, Object.keys(table.schema.shape))}`,
      );
      continue;
    }
    const column = columns.get(name);
    if (column === undefined) continue;
    if (
      !keyKinds.has(column.kind) ||
      ['json', 'decimal', 'datetime-text'].includes(column.storedAs)
    ) {
      report(
        role,
        `'${name}' holds ${column.kind} values; a key is a UUID, text, an integer or a bigint`,
      );
    }
    if (column.nullable || column.optional) report(role, `'${name}' may be missing; a key may not`);
  }
}

function checkPlacement(
  table: Table,
  columns: ReadonlyMap<string, PlannedColumn>,
  topology: Topology | undefined,
  report: Report,
): void {
  if (topology === undefined) return;
  const keyspace = topology.keyspaces.get(table.keyspace);
  if (keyspace === undefined) {
    const known = [...topology.keyspaces.keys()];
    report(
      'keyspace',
      `there is no keyspace '${table.keyspace}'${didYouMean(table.keyspace, known)}`,
    );
    return;
  }
  const ownKey = table.shardKey === table.primaryKey;
  const idKind = columns.get(table.primaryKey)?.kind;
  if (table.group !== undefined) {
    checkGroup(table, table.group, columns, report);
  } else if (keyspace.strategy === 'geo') {
    if (table.place === undefined) {
      report(
        'place',
        `is missing: keyspace '${keyspace.name}' is geographic, so say where a row lives`,
      );
    }
    if (!ownKey)
      report('shardKey', 'has no meaning in a geo keyspace: a row lives where its place says');
  } else if (table.place !== undefined) {
    report('place', `has no meaning in keyspace '${keyspace.name}', which places rows by hash`);
  }
  // Ids that place a row must be able to carry its slot.
  if (keyspace.strategy === 'hash' && ownKey) return;
  const idType = table.schema.shape[table.primaryKey];
  if (idKind !== undefined && idKind !== 'uuid') {
    report('primaryKey', `'${table.primaryKey}' must be z.uuid(): its ids carry the row's slot`);
  } else if (idType !== undefined && !z.safeParse(idType, sampleId).success) {
    report('primaryKey', 'refuses UUIDs of version 7, which ids are; use z.uuid() or z.uuidv7()');
  }
}

/** A member finds its owner's slot by the owner's key, so that key must be stored alike in both. */
function checkGroup(
  table: Table,
  owners: Table,
  columns: ReadonlyMap<string, PlannedColumn>,
  report: Report,
): void {
  if (owners.group !== undefined) {
    report('group', `'${owners.name}' is a member of a group itself; name '${owners.group.name}'`);
  }
  const ownerType = owners.schema.shape[owners.primaryKey];
  const owner = ownerType === undefined ? undefined : columnKind(ownerType);
  const member = columns.get(table.shardKey);
  if (member === undefined || typeof owner !== 'object' || owner.kind === member.kind) return;
  report(
    'ownerKey',
    `'${table.shardKey}' holds ${member.kind} values, the '${owners.primaryKey}' of '${owners.name}' ${owner.kind}`,
  );
}
