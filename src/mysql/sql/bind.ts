import mysql, { type TypedParameterValue } from 'mysql2';
import { RowError } from '../../errors/row-error.ts';
import type { SqlValue } from './sql.ts';

/** A parameter as the driver takes it. */
export type Bound = string | number | boolean | Date | Buffer | null | TypedParameterValue;

/**
 * mysql2 before 3.24 has no typed parameters. Its property is a getter that resolves and loads a module each time it
 * is read, which costs more than the rest of a statement's parameters.
 */
const longlong = mysql.TypedParameter?.LONGLONG;

const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const uint64Max = 2n ** 64n - 1n;

/**
 * Turns parameters into what mysql2 sends without loss: a bigint as a 64-bit integer instead of
 * text (compared with text, the server would fall back to doubles), a whole number as an integer
 * instead of a double (which MySQL takes for no LIMIT), bytes as a BLOB.
 */
export function bindParameters(params: readonly SqlValue[]): Bound[] {
  return params.map((value, index) => {
    switch (typeof value) {
      case 'string':
        if (value.isWellFormed()) return value;
        break;
      case 'boolean':
        return value;
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return bindInteger(value);
        if (Number.isFinite(value)) return value;
        break;
      case 'bigint':
        return bindBigint(value);
      case 'object':
        if (value === null || Buffer.isBuffer(value)) return value;
        if (value instanceof Date && isStorable(value)) return value;
        if (value instanceof Uint8Array) {
          return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
        }
    }
    throw new RowError('parameters', [
      {
        path: `[${index}]`,
        message:
          'is not text (of whole characters: half of a surrogate pair is none), a finite number, a bigint, a boolean, a Date of the years 1000 to 9999, bytes or null; ' +
          'pass JSON as text, and a list as one ? per value',
      },
    ]);
  });
}

/** The driver would write other years as wrong ones. */
function isStorable(date: Date): boolean {
  const year = date.getUTCFullYear();
  return year >= 1000 && year <= 9999;
}

/** Before 3.24 the driver can send doubles only, which hold these exactly. */
function bindInteger(value: number): Bound {
  return longlong?.(value) ?? value;
}

function bindBigint(value: bigint): Bound {
  // Without typed parameters text is the form that loses least.
  if (longlong === undefined || value < int64.min || value > uint64Max) return value.toString();
  return value > int64.max ? longlong.unsigned(value) : longlong(value);
}
