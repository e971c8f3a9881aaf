import { z } from 'zod';
import type { Problem } from '../errors/config-error.ts';
import type { RawRow } from '../mysql/sql/sql.ts';
import { asStored, LostKey } from './schema/json-value.ts';

/** A column and the zod type that says what it may hold. */
export interface CheckedColumn {
  readonly name: string;
  readonly type: z.core.$ZodType;
  readonly isJson: boolean;
}

/** Why a value is refused whose check answers later. */
export const answersLate =
  'has a check that answers with a promise, for which rows do not wait; make it synchronous, or check before the call';

/** What a schema says of a value; undefined when one of its checks answers with a promise. */
export function checked<Type extends z.core.$ZodType>(
  type: Type,
  value: unknown,
): z.ZodSafeParseResult<z.output<Type>> | undefined {
  try {
    return z.safeParse(type, value);
  } catch (error) {
    if (error instanceof z.core.$ZodAsyncError) return undefined;
    throw error;
  }
}

/** The column whose check answers with a promise; empty for a check of the whole row. */
export function lateColumn(columns: readonly CheckedColumn[], row: RawRow): string {
  const late = columns.find(({ name, type }) => checked(type, row[name]) === undefined);
  return late?.name ?? '';
}

/** A column's value as its schema gives it; undefined when it is none, which is reported. */
export function parseColumn(
  { name, type, isJson }: CheckedColumn,
  value: unknown,
  problems: Problem[],
): unknown {
  const parsed = checked(type, value);
  if (parsed === undefined) problems.push({ path: name, message: answersLate });
  else if (parsed.success) {
    const loss = isJson ? lossOf(value, parsed.data) : undefined;
    if (loss === undefined) return parsed.data;
    problems.push({ path: name, message: loss });
  } else {
    for (const { path, message } of parsed.error.issues) {
      problems.push({ path: [name, ...path].join('.'), message });
    }
  }
  return undefined;
}

/** Reports JSON values of which their schema would store less. */
export function reportLosses(
  columns: readonly CheckedColumn[],
  row: RawRow,
  parsed: object,
  problems: Problem[],
): void {
  for (const { name, isJson } of columns) {
    const message = isJson ? lossOf(row[name], Reflect.get(parsed, name)) : undefined;
    if (message !== undefined) problems.push({ path: name, message });
  }
}

/**
 * Gives a row that was parsed the values that are stored: a schema that trims, say, did so when the row was
 * written. Returns what can't be kept.
 */
export function keepStored(
  columns: readonly CheckedColumn[],
  row: RawRow,
  parsed: object,
): { readonly column: string; readonly reason: string } | undefined {
  for (const { name, isJson } of columns) {
    const stored = row[name];
    const given: unknown = Reflect.get(parsed, name);
    if (stored === given) continue;
    try {
      Reflect.set(parsed, name, isJson ? asStored(stored, given) : stored);
    } catch (error) {
      if (error instanceof LostKey) return { column: name, reason: error.message };
      throw error;
    }
  }
  return undefined;
}

/** Why a JSON value is not kept by its schema; undefined when it is. */
function lossOf(given: unknown, parsed: unknown): string | undefined {
  try {
    asStored(given, parsed);
    return undefined;
  } catch (error) {
    if (error instanceof LostKey) return error.message;
    throw error;
  }
}
