import type { SqlValue } from '../mysql/sql.ts';
import type { ColumnShape } from '../mysql/table-shape.ts';
import { isUuid, readUuid, uuidFromBytes } from '../sharding/uuid.ts';
import type { ValueKind } from './column-kind.ts';

/**
 * How a value is stored where the column's type does not follow from the zod type.
 *
 * - `uuid-binary`: a UUID as 16 bytes in BINARY(16).
 * - `decimal`: an exact decimal number as text in TypeScript and DECIMAL in the database.
 * - `json`: any JSON value in a JSON or text column.
 * - `bytes`: a Uint8Array or Buffer in a BINARY, VARBINARY or BLOB column.
 */
export type ColumnCodecName = 'uuid-binary' | 'decimal' | 'json' | 'bytes';

/** How a column is stored: named by the user, or following from the zod type. */
export type StoredAs = ColumnCodecName | Exclude<ValueKind, 'custom'>;

/** Translates the values of one column, NULL excepted. Both ways throw a message, never a value. */
export interface ColumnCodec {
  encode(value: unknown): SqlValue;
  decode(raw: unknown): unknown;
}

/** A reason why a value can't be stored or read. */
export class CodecFailure extends Error {}

function fail(message: string): never {
  throw new CodecFailure(message);
}

export function columnCodec(storedAs: StoredAs, shape: ColumnShape): ColumnCodec {
  return codecs[storedAs](shape);
}

const codecs: Record<StoredAs, (shape: ColumnShape) => ColumnCodec> = {
  uuid: () => ({
    encode: (value) =>
      isText(value) && isUuid(value) ? value.toLowerCase() : fail('is not a UUID'),
    decode: (raw) => (isText(raw) && isUuid(raw) ? raw.toLowerCase() : fail('is not a UUID')),
  }),
  'uuid-binary': () => ({
    encode: (value) => (isText(value) ? readUuid(value) : undefined) ?? fail('is not a UUID'),
    decode: (raw) =>
      raw instanceof Uint8Array && raw.length === 16 ? uuidFromBytes(raw) : fail('is not 16 bytes'),
  }),
  string: (shape) => ({
    encode(value) {
      if (!isText(value)) return fail('is not text');
      if (!value.isWellFormed()) return fail('holds half of a surrogate pair, which UTF-8 lacks');
      if (shape.dataType === 'char' && value.endsWith(' ')) {
        return fail('ends in a space, which a CHAR column drops; use VARCHAR');
      }
      return value;
    },
    decode: (raw) => (isText(raw) ? raw : fail('is not text')),
  }),
  'date-text': () => ({
    encode: (value) => (isText(value) ? value : fail('is not a date')),
    decode: (raw) => (raw instanceof Date ? raw.toISOString().slice(0, 10) : raw),
  }),
  integer: () => ({
    // The database has one zero.
    encode: (value) => safeInteger(value) + 0,
    decode: (raw) => safeInteger(Number(raw)),
  }),
  number: () => ({
    encode: (value) =>
      typeof value === 'number' && Number.isFinite(value) ? value : fail('is not a finite number'),
    decode: (raw) => (typeof raw === 'number' ? raw : fail('is not a number')),
  }),
  bigint: () => ({
    encode: (value) =>
      typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 64n
        ? value
        : fail('is not a bigint of 64 bits'),
    decode: (raw) => BigInt(String(raw)),
  }),
  boolean: () => ({
    encode: (value) => (typeof value === 'boolean' ? Number(value) : fail('is not a boolean')),
    decode: (raw) => (raw === 0 || raw === 1 ? raw === 1 : fail('is neither 0 nor 1')),
  }),
  date: () => ({
    encode: (value) =>
      isValidDate(value) && value.getUTCFullYear() >= 1000 && value.getUTCFullYear() <= 9999
        ? value
        : fail('is not a valid Date of the years 1000 to 9999, which a DATETIME holds'),
    // A copy: readers of one key in one tick are given the same raw row.
    decode: (raw) => (isValidDate(raw) ? new Date(raw) : fail('is not a date that exists')),
  }),
  json: () => ({
    encode: (value) => JSON.stringify(value) ?? fail('is not JSON'),
    decode: (raw) => (isText(raw) ? JSON.parse(raw) : fail('is not JSON text')),
  }),
  decimal: (shape) => {
    const scale = Number(/\(\d+,(\d+)\)/.exec(shape.columnType)?.[1] ?? 0);
    return {
      encode: (value) => canonicalDecimal(value, scale),
      decode: (raw) => canonicalDecimal(raw, scale),
    };
  },
  bytes: (shape) => ({
    encode(value) {
      if (!(value instanceof Uint8Array)) return fail('is not bytes');
      if (shape.dataType === 'binary' && value.length !== shape.length) {
        return fail(`has another length than the ${shape.length} bytes of its BINARY column`);
      }
      return value;
    },
    decode: (raw) => (raw instanceof Uint8Array ? Buffer.from(raw) : fail('is not bytes')),
  }),
};

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isValidDate(value: unknown): value is Date {
  return value instanceof Date && !Number.isNaN(value.getTime());
}

function safeInteger(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value)
    ? value
    : fail('is not an integer that a number holds exactly');
}

/** The one text the database will give back for a decimal; it would round what has more digits. */
function canonicalDecimal(value: unknown, scale: number): string {
  const parts = isText(value) ? /^(-?)0*(\d+?)(?:\.(\d+))?$/.exec(value) : null;
  if (parts === null) return fail('is not a decimal number such as 12.50');
  const [, sign = '', whole = '', fraction = ''] = parts;
  const significant = fraction.replace(/0+$/, '');
  if (significant.length > scale) return fail(`has more than ${scale} decimals`);
  const digits = scale === 0 ? whole : `${whole}.${significant.padEnd(scale, '0')}`;
  return /[1-9]/.test(digits) ? sign + digits : digits;
}
