import type { ColumnShape } from '../../mysql/schema/table-shape.ts';
import { dateOf } from '../../mysql/sql/read-times.ts';
import type { SqlValue } from '../../mysql/sql/sql.ts';
import { isUuid, readUuid, uuidFromBytes } from '../../sharding/ids/uuid.ts';
import type { ValueKind } from './column-kind.ts';
import {
  doubledKey,
  hasDoubledKeys,
  hasExactNumbers,
  inexactNumber,
  jsonMisfit,
} from './json-value.ts';
import { isCutText } from './text-length.ts';
import { holdsText } from './text-repertoire.ts';

/**
 * How a value is stored where the column's type does not follow from the zod type.
 *
 * - `uuid-binary`: a UUID as 16 bytes in BINARY(16).
 * - `decimal`: an exact decimal number as text in TypeScript and DECIMAL in the database.
 * - `json`: any JSON value in a JSON or text column.
 * - `bytes`: a Uint8Array or Buffer in a BINARY, VARBINARY or BLOB column.
 * - `datetime-text`: a time in UTC as text, `2026-11-28 12:30:00.123456`, in a DATETIME or TIMESTAMP
 *   column. It keeps what is finer than the milliseconds of a Date.
 */
export type ColumnCodecName = 'uuid-binary' | 'decimal' | 'json' | 'bytes' | 'datetime-text';

/** How a column is stored: named by the user, or following from the zod type. */
export type StoredAs = ColumnCodecName | Exclude<ValueKind, 'custom'>;

/** Translates the values of one column, NULL excepted. Both ways throw a message, never a value. */
export interface ColumnCodec {
  encode(value: unknown): SqlValue;
  decode(raw: unknown): unknown;
}

/** A reason why a value can't be stored or read. */
export class CodecFailure extends Error {
  /** Where in the value: `.items[2]`. */
  readonly at: string;

  constructor(message: string, at = '') {
    super(message);
    this.at = at;
  }
}

/** A text that no row can hold: its column lacks one of its characters, or is shorter. */
export class UnheldText extends CodecFailure {}

function fail(message: string, at?: string): never {
  throw new CodecFailure(message, at);
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
  string: (shape) => {
    const holds = holdsText(shape.collation);
    const isCut = isCutText(shape);
    return {
      encode(value) {
        if (!isText(value)) return fail('is not text');
        if (!value.isWellFormed()) return fail('holds half of a surrogate pair, which UTF-8 lacks');
        if (shape.dataType === 'char' && value.endsWith(' ')) {
          return fail('ends in a space, which a CHAR column drops; use VARCHAR');
        }
        if (!holds(value)) {
          throw new UnheldText(
            `holds a character that its column, in ${shape.collation}, lacks; make the column utf8mb4`,
          );
        }
        if (isCut(value)) {
          throw new UnheldText(
            `ends in space beyond the ${shape.columnType} of its column, which the server would cut off; make the column longer`,
          );
        }
        return value;
      },
      decode: (raw) => (isText(raw) ? raw : fail('is not text')),
    };
  },
  'date-text': () => ({
    encode: (value) => (isText(value) ? value : fail('is not a date')),
    decode(raw) {
      if (isValidDate(raw)) return raw.toISOString().slice(0, 10);
      return isText(raw) && dateOf(raw) !== undefined ? raw : fail('is not a date that exists');
    },
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
  bigint: (shape) => ({
    encode: (value) =>
      typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 64n
        ? value
        : fail('is not a bigint of 64 bits'),
    decode(raw) {
      if (typeof raw === 'bigint') return raw;
      // A BIGINT comes as text; a number is of a column that has become a FLOAT or DOUBLE since, and rounds.
      const isExact = shape.dataType !== 'bigint' && Number.isSafeInteger(raw);
      return isExact || isText(raw) ? BigInt(String(raw)) : fail('is not a whole number as text');
    },
  }),
  boolean: () => ({
    encode: (value) => (typeof value === 'boolean' ? Number(value) : fail('is not a boolean')),
    decode: (raw) => (raw === 0 || raw === 1 ? raw === 1 : fail('is neither 0 nor 1')),
  }),
  date: (shape) => ({
    encode(value) {
      if (!isValidDate(value)) return fail('is not a valid Date');
      // A copy: the caller may set his while it waits to be sent.
      return rangeMisfit(value, shape) ?? new Date(value);
    },
    // A copy: readers of one key in one tick are given the same raw row.
    decode: (raw) => (isValidDate(raw) ? new Date(raw) : fail('is not a time that exists')),
  }),
  'datetime-text': (shape) => {
    const decimals = shape.fraction ?? 0;
    return {
      encode(value) {
        const text = canonicalTime(value, decimals);
        const date = dateOf(text) ?? fail('is not a time that exists');
        return rangeMisfit(date, shape) ?? text;
      },
      decode(raw) {
        if (isValidDate(raw))
          return raw
            .toISOString()
            .slice(0, decimals === 0 ? 19 : 20 + decimals)
            .replace('T', ' ');
        return isText(raw) && dateOf(raw) !== undefined ? raw : fail('is not a time that exists');
      },
    };
  },
  json: (shape) => ({
    encode(value) {
      const misfit = jsonMisfit(value);
      return misfit === undefined ? JSON.stringify(value) : fail(misfit.reason, misfit.at);
    },
    decode(raw) {
      if (!isText(raw)) return fail('is not JSON text');
      if (!hasExactNumbers(raw)) return fail(inexactNumber);
      const value: unknown = JSON.parse(raw);
      // MySQL stores a JSON value with one of them; text is stored as it was given.
      const isParsed = shape.dataType === 'json';
      return !isParsed && hasDoubledKeys(raw, value) ? fail(doubledKey) : value;
    },
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
      // A copy: the caller may write to his while it waits to be sent.
      return Buffer.from(value);
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

const lastTimestamp = Date.UTC(2038, 0, 19, 3, 14, 8);

/** Fails for a time that a DATETIME or TIMESTAMP does not hold. */
function rangeMisfit(date: Date, { dataType }: ColumnShape): undefined {
  if (dataType === 'timestamp') {
    const time = date.getTime();
    if (time >= 1_000 && time < lastTimestamp) return undefined;
    return fail(
      'is before 1970-01-01 00:00:01 or after 2038-01-19 03:14:07, between which a TIMESTAMP is; use DATETIME',
    );
  }
  const year = date.getUTCFullYear();
  return year >= 1000 && year <= 9999
    ? undefined
    : fail('is not of the years 1000 to 9999, which a DATETIME holds');
}

/** The one text the database will give back for a time; it would round what has more digits. */
function canonicalTime(value: unknown, decimals: number): string {
  const parts = isText(value)
    ? /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?$/.exec(value)
    : null;
  if (parts === null) return fail('is not a time such as 2026-11-28 12:30:00.123456, in UTC');
  const [, day, time, fraction = ''] = parts;
  const significant = fraction.replace(/0+$/, '');
  if (significant.length > decimals)
    return fail(`has more than ${decimals} digits after the second`);
  return decimals === 0 ? `${day} ${time}` : `${day} ${time}.${significant.padEnd(decimals, '0')}`;
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
