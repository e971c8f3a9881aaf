import { z } from 'zod';
import { didYouMean } from '../config/did-you-mean.ts';
import type { Problem } from '../errors/config-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { RowError, RowUnreadableError } from '../errors/row-error.ts';
import type { RawRow, SqlValue } from '../mysql/sql.ts';
import type { TableShape } from '../mysql/table-shape.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import { CodecFailure, type ColumnCodec, columnCodec } from './column-codec.ts';
import type { ValueKind } from './column-kind.ts';
import type { RowOf, RowSchema } from './define-table.ts';
import type { RowPlan } from './table-plan.ts';

/** The key of a row in the forms that are asked for. */
export interface RowKey {
  /** One text a key, for routing and caching. */
  readonly text: string;
  /** What tells it from the other keys in a result: equal to that of its row. */
  readonly identity: string;
  readonly param: SqlValue;
}

interface Column {
  readonly name: string;
  readonly codec: ColumnCodec;
  readonly type: z.core.$ZodType;
  readonly nullable: boolean;
  readonly optional: boolean;
}

/** Translates between rows of a table as TypeScript has them and as the database has them. */
export class RowCodec<Schema extends RowSchema> {
  /** In the order of the statements' columns. */
  readonly columns: readonly string[];
  readonly #plan: RowPlan<Schema>;
  readonly #columns: readonly Column[];
  readonly #byName: ReadonlyMap<string, Column>;
  readonly #key: Column;
  readonly #keyIsUuid: boolean;
  readonly #keyKind: ValueKind | undefined;

  constructor(plan: RowPlan<Schema>, shape: TableShape) {
    this.#plan = plan;
    this.#columns = [...plan.columns].flatMap(([name, { storedAs, nullable, optional }]) => {
      const column = shape.columns.get(name);
      const type: z.core.$ZodType | undefined = plan.table.schema.shape[name];
      if (column === undefined || type === undefined) return [];
      return [{ name, codec: columnCodec(storedAs, column), type, nullable, optional }];
    });
    this.#byName = new Map(this.#columns.map((column) => [column.name, column]));
    this.columns = this.#columns.map(({ name }) => name);
    const key = this.#byName.get(plan.table.primaryKey);
    if (key === undefined) throw new TypeError('the primary key was checked to be a column');
    this.#key = key;
    this.#keyKind = plan.columns.get(key.name)?.kind;
    this.#keyIsUuid = this.#keyKind === 'uuid';
  }

  /** Checks a row that is to be stored. @throws {RowError} naming every column that is wrong. */
  parse(row: Readonly<Record<string, unknown>>): RowOf<Schema> {
    const problems = this.#unknownColumns(row);
    const parsed = this.#plan.table.schema.safeParse(row);
    if (parsed.success && problems.length === 0) return parsed.data;
    throw new RowError(this.#plan.table.name, [
      ...problems,
      ...(parsed.error?.issues ?? []).map(({ path, message }) => ({
        path: path.join('.'),
        message,
      })),
    ]);
  }

  /** The row's values in the order of `columns`. @throws {RowError} */
  encode(row: Readonly<Record<string, unknown>>): SqlValue[] {
    const problems: Problem[] = [];
    const values = this.#columns.map((column) => this.#encode(column, row[column.name], problems));
    if (problems.length > 0) throw new RowError(this.#plan.table.name, problems);
    return values;
  }

  /** Checks and translates the columns of a patch. @throws {RowError} */
  encodePatch(patch: Readonly<Record<string, unknown>>): { columns: string[]; values: SqlValue[] } {
    const problems = this.#unknownColumns(patch);
    const columns: string[] = [];
    const values: SqlValue[] = [];
    for (const [name, value] of Object.entries(patch)) {
      const column = this.#byName.get(name);
      if (column === undefined) continue;
      if (value === undefined && !column.optional) {
        problems.push({ path: name, message: 'is undefined; leave it out to keep what is stored' });
        continue;
      }
      const parsed = value === undefined ? undefined : parseColumn(column, value, problems);
      columns.push(name);
      values.push(this.#encode(column, parsed, problems));
    }
    if (columns.length === 0 && problems.length === 0) {
      problems.push({ path: '', message: 'the patch names no column' });
    }
    if (problems.length > 0) throw new RowError(this.#plan.table.name, problems);
    return { columns, values };
  }

  /** The row that the database will give back for encoded values. */
  stored(values: readonly SqlValue[]): RowOf<Schema> {
    return this.decode(
      Object.fromEntries(this.columns.map((name, index) => [name, values[index] ?? null])),
    );
  }

  /** A stored row. @throws {RowUnreadableError} when it does not fit the schema. */
  decode(raw: RawRow): RowOf<Schema> {
    const row: Record<string, unknown> = {};
    for (const column of this.#columns) {
      const value = raw[column.name];
      if (value === null || value === undefined) {
        if (column.nullable) row[column.name] = null;
        else if (!column.optional) throw this.#unreadable(column.name, 'is NULL');
        continue;
      }
      row[column.name] = this.valueOf(column.name, raw);
    }
    const parsed = this.#plan.table.schema.safeParse(row);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw this.#unreadable(issue?.path.join('.') ?? '?', `does not fit: ${issue?.message}`);
  }

  /** A row that another process decoded and stored, if it fits the schema. */
  tryCheck(row: unknown): RowOf<Schema> | undefined {
    return this.#plan.table.schema.safeParse(row).data;
  }

  /** The key of a row by the value that names it. @throws {RoutingError} when it can't be one. */
  key(value: unknown): RowKey {
    const problems: Problem[] = [];
    const param = this.#encode(this.#key, value, problems);
    const [problem] = problems;
    if (problem === undefined && value !== undefined && value !== null) {
      return { text: this.#textOf(value), identity: this.#identity(param), param };
    }
    throw new RoutingError(
      `This can't be the '${this.#key.name}' of a row of '${this.#plan.table.name}': it ${problem?.message ?? 'is missing'}.`,
      { table: this.#plan.table.name, column: this.#key.name },
    );
  }

  /** A value of one column as it is bound. @throws {RoutingError} when the column can't hold it. */
  param(name: string, value: unknown): SqlValue {
    const column = this.#byName.get(name);
    const problems: Problem[] = [];
    const param = column === undefined ? null : this.#encode(column, value, problems);
    if (problems.length === 0 && param !== null) return param;
    throw new RoutingError(
      `This can't be the '${name}' of a row of '${this.#plan.table.name}': it ${problems[0]?.message ?? 'is missing'}.`,
      { table: this.#plan.table.name, column: name },
    );
  }

  /** The value of the key whose `text` is given. */
  keyOfText(text: string): ShardKey {
    if (this.#keyKind === 'integer') return Number(text);
    return this.#keyKind === 'bigint' ? BigInt(text) : text;
  }

  /** The value of one column of a raw row; null where it has none. @throws {RowUnreadableError} */
  valueOf(column: string, raw: RawRow): unknown {
    const value = raw[column];
    const codec = this.#byName.get(column)?.codec;
    if (codec === undefined || value === null || value === undefined) return null;
    try {
      return codec.decode(value);
    } catch (error) {
      const reason = error instanceof CodecFailure ? error.message : 'can not be decoded';
      throw this.#unreadable(column, reason);
    }
  }

  /** The key of a raw row, as statements take it. */
  paramOf(raw: RawRow): SqlValue {
    return this.key(this.valueOf(this.#key.name, raw)).param;
  }

  /** What tells a raw row's key from others: equal to that of its RowKey. */
  identityOf(raw: RawRow): string {
    return this.#identity(raw[this.#key.name]);
  }

  /** Cheaper than decoding, since it is asked of every row. */
  #identity(value: unknown): string {
    return Buffer.isBuffer(value) ? value.toString('latin1') : this.#textOf(value);
  }

  /** A UUID is one key whatever the case of its letters; any other text is what it is. */
  #textOf(value: unknown): string {
    const text = String(value);
    return this.#keyIsUuid ? text.toLowerCase() : text;
  }

  #encode(column: Column, value: unknown, problems: Problem[]): SqlValue {
    if (value === undefined || value === null) return null;
    try {
      return column.codec.encode(value);
    } catch (error) {
      if (!(error instanceof CodecFailure)) throw error;
      problems.push({ path: column.name, message: error.message });
      return null;
    }
  }

  #unknownColumns(row: Readonly<Record<string, unknown>>): Problem[] {
    return Object.keys(row)
      .filter((name) => !this.#byName.has(name))
      .map((name) => ({ path: name, message: `is no column${didYouMean(name, this.columns)}` }));
  }

  #unreadable(column: string, reason: string): RowUnreadableError {
    return new RowUnreadableError(this.#plan.table.name, column, reason);
  }
}

function parseColumn({ name, type }: Column, value: unknown, problems: Problem[]): unknown {
  const parsed = z.safeParse(type, value);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues) {
    problems.push({ path: [name, ...path].join('.'), message });
  }
  return undefined;
}
