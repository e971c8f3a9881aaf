import { didYouMean } from '../config/did-you-mean.ts';
import type { Problem } from '../errors/config-error.ts';
import { RoutingError } from '../errors/routing-error.ts';
import { RowError, RowUnreadableError } from '../errors/row-error.ts';
import type { TableShape } from '../mysql/schema/table-shape.ts';
import type { RawRow, SqlValue } from '../mysql/sql/sql.ts';
import { isUuid } from '../sharding/ids/uuid.ts';
import type { ShardKey } from '../sharding/shard-key.ts';
import {
  answersLate,
  checked,
  keepStored,
  lateColumn,
  parseColumn,
  reportLosses,
} from './checked-row.ts';
import { type CodedColumn, codedColumns } from './coded-columns.ts';
import { isPlainSchema } from './plain-schema.ts';
import { CodecFailure, UnheldText } from './schema/column-codec.ts';
import type { ValueKind } from './schema/column-kind.ts';
import type { RowOf, RowSchema } from './schema/define-table.ts';
import type { RowPlan } from './schema/table-plan.ts';

/** The key of a row in the forms that are asked for. */
export interface RowKey {
  /** One text a key, for routing and caching. */
  readonly text: string;
  /** What tells it from the other keys in a result: equal to that of its row. */
  readonly identity: string;
  readonly param: SqlValue;
}

/** Translates between rows of a table as TypeScript has them and as the database has them. */
export class RowCodec<Schema extends RowSchema> {
  /** In the order of the statements' columns. */
  readonly columns: readonly string[];
  readonly #plan: RowPlan<Schema>;
  readonly #columns: readonly CodedColumn[];
  readonly #byName: ReadonlyMap<string, CodedColumn>;
  readonly #key: CodedColumn;
  readonly #keyIsUuid: boolean;
  readonly #keyKind: ValueKind | undefined;
  /** Whether the schema takes again, unchanged, what it has given. */
  readonly #isPlain: boolean;

  constructor(plan: RowPlan<Schema>, shape: TableShape) {
    this.#plan = plan;
    this.#columns = codedColumns(plan, shape);
    this.#byName = new Map(this.#columns.map((column) => [column.name, column]));
    this.columns = this.#columns.map(({ name }) => name);
    const key = this.#byName.get(plan.table.primaryKey);
    if (key === undefined) throw new TypeError('the primary key was checked to be a column');
    this.#key = key;
    this.#keyKind = plan.columns.get(key.name)?.kind;
    this.#keyIsUuid = this.#keyKind === 'uuid';
    this.#isPlain = isPlainSchema(plan.table.schema);
  }

  /** Whether a new row may come without a key, since its keys are ids. */
  get makesIds(): boolean {
    return this.#keyIsUuid;
  }

  /** Checks a row that is to be stored. @throws {RowError} naming every column that is wrong. */
  parse(row: Readonly<Record<string, unknown>>): RowOf<Schema> {
    const problems = this.#unknownColumns(row);
    const parsed = checked(this.#plan.table.schema, row);
    if (parsed === undefined) {
      problems.push({ path: lateColumn(this.#columns, row), message: answersLate });
      throw new RowError(this.#plan.table.name, problems);
    }
    if (parsed.success) reportLosses(this.#columns, row, parsed.data, problems);
    if (parsed.success && problems.length === 0) return parsed.data;
    throw new RowError(this.#plan.table.name, [
      ...problems,
      ...(parsed.error?.issues ?? []).map(({ path, message }) => ({
        path: path.join('.'),
        message: this.#isMissingKey(path, row) ? this.#missingKey() : message,
      })),
    ]);
  }

  #isMissingKey([name]: readonly PropertyKey[], row: Readonly<Record<string, unknown>>): boolean {
    return name === this.#key.name && row[name] === undefined;
  }

  #missingKey(): string {
    return this.makesIds
      ? 'is missing'
      : 'is missing: ids are made for keys of z.uuid() only, so every row brings its own';
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

  /** The row that the database will give back for the encoded values of `row`, which fitted the schema. */
  stored(values: readonly SqlValue[], row: Readonly<Record<string, unknown>>): RowOf<Schema> {
    const raw: Record<string, unknown> = {};
    for (const [index, name] of this.columns.entries()) raw[name] = values[index] ?? null;
    const stored = this.#valuesOf(raw);
    return this.#isTaken(stored, row) ? stored : this.#fitting(stored);
  }

  /** Whether a schema that has taken `row` as it is would take `stored` as it is. */
  #isTaken(stored: RawRow, row: Readonly<Record<string, unknown>>): stored is RowOf<Schema> {
    return this.#isPlain && this.columns.every((name) => isSame(stored[name], row[name]));
  }

  /** A stored row. @throws {RowUnreadableError} when it does not fit the schema. */
  decode(raw: RawRow): RowOf<Schema> {
    return this.#fitting(this.#valuesOf(raw));
  }

  #valuesOf(raw: RawRow): RawRow {
    const row: Record<string, unknown> = {};
    for (const column of this.#columns) {
      const value = raw[column.name];
      if (value === null || value === undefined) {
        if (column.nullable) row[column.name] = null;
        else if (!column.optional) throw this.#unreadable(column.name, 'is NULL');
        continue;
      }
      row[column.name] = this.#decoded(column, value);
    }
    return row;
  }

  #fitting(row: RawRow): RowOf<Schema> {
    const parsed = checked(this.#plan.table.schema, row);
    if (parsed === undefined) throw this.#unreadable(lateColumn(this.#columns, row), answersLate);
    if (parsed.success) return this.#keepStored(row, parsed.data);
    const [issue] = parsed.error.issues;
    throw this.#unreadable(issue?.path.join('.') ?? '?', `does not fit: ${issue?.message}`);
  }

  #keepStored(row: RawRow, parsed: RowOf<Schema>): RowOf<Schema> {
    const lost = keepStored(this.#columns, row, parsed);
    if (lost !== undefined) throw this.#unreadable(lost.column, lost.reason);
    return parsed;
  }

  /** A row that another process decoded and stored, if it fits the schema. */
  tryCheck(row: unknown): RowOf<Schema> | undefined {
    const parsed = checked(this.#plan.table.schema, row);
    return parsed?.success && isRecord(row) ? this.#keepStored(row, parsed.data) : undefined;
  }

  /** The key of a row by the value that names it. @throws {RoutingError} when it can't be one. */
  key(value: unknown): RowKey {
    const problems: Problem[] = [];
    const param = this.#encode(this.#key, value, problems, true);
    const [problem] = problems;
    if (problem === undefined && value !== undefined && value !== null) {
      return { text: this.#textOf(value), identity: this.#identity(param ?? value), param };
    }
    throw new RoutingError(
      `This can't be the '${this.#key.name}' of a row of '${this.#plan.table.name}': it ${problem?.message ?? 'is missing'}.`,
      { table: this.#plan.table.name, column: this.#key.name },
    );
  }

  /**
   * The forms in which a value may be stored in a column. Several for a UUID in a text column: rows that
   * others wrote may have it in capitals.
   *
   * @throws {RoutingError} when the column can't hold it.
   */
  formsOf(name: string, value: unknown): readonly [SqlValue, ...SqlValue[]] {
    const column = this.#byName.get(name);
    const problems: Problem[] = [];
    const isValue = column !== undefined && value !== undefined && value !== null;
    const param = isValue ? this.#encode(column, value, problems, true) : null;
    if (problems.length === 0 && isValue) {
      const isText = this.#plan.columns.get(name)?.storedAs === 'string';
      return isText && typeof param === 'string' && isUuid(param)
        ? [param, param.toUpperCase()]
        : [param];
    }
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
    const known = this.#byName.get(column);
    return known === undefined || value === null || value === undefined
      ? null
      : this.#decoded(known, value);
  }

  #decoded({ name, codec }: CodedColumn, value: unknown): unknown {
    try {
      return codec.decode(value);
    } catch (error) {
      const reason = error instanceof CodecFailure ? error.message : 'can not be decoded';
      throw this.#unreadable(name, reason);
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

  /** @param toCompare whether NULL, which equals nothing, may stand for what no row can hold. */
  #encode(column: CodedColumn, value: unknown, problems: Problem[], toCompare = false): SqlValue {
    if (value === undefined || value === null) return null;
    try {
      return column.codec.encode(value);
    } catch (error) {
      if (toCompare && error instanceof UnheldText) return null;
      if (!(error instanceof CodecFailure)) throw error;
      problems.push({ path: column.name + error.at, message: error.message });
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

function isSame(one: unknown, other: unknown): boolean {
  if (one instanceof Date && other instanceof Date) return one.getTime() === other.getTime();
  return Object.is(one, other);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
