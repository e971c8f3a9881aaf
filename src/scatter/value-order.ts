import { MergeError } from '../errors/scatter-error.ts';

/** What the order of a result's column depends on, as the protocol tells it. */
export interface OrderedColumn {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly charset: number;
  readonly decimals: number;
}

export type ValueOrder = (a: unknown, b: unknown) => number;

// Numbers of the MySQL client/server protocol, enum_field_types and column definition flags.
const numbers = new Set([1, 2, 3, 4, 5, 9, 13]);
const bigint = 8;
const decimalTypes = new Set([0, 246]);
const times = new Set([7, 10, 12]);
const texts = new Set([15, 249, 250, 251, 252, 253, 254]);
const enumOrSetFlags = 256 | 2048;
const binaryCharset = 63;

/** Whether a column is sorted by its collation: as text, not as bytes, numbers or times. */
export function isText({ type, flags, charset }: OrderedColumn): boolean {
  return texts.has(type) && (flags & enumOrSetFlags) === 0 && charset !== binaryCharset;
}

/**
 * The order in which the server sorts a column, for merging what several servers sorted. NULL
 * comes first, as MySQL has it.
 *
 * @throws {MergeError} for a column whose order can't be reproduced here; of text (see
 * {@link isText}) only its weights tell it.
 */
export function valueOrder(column: OrderedColumn): ValueOrder {
  const order = orderOf(column);
  return (a, b) => {
    if (a === null || b === null) return Number(b === null) - Number(a === null);
    return order(a, b);
  };
}

function orderOf({ name, type, flags, charset, decimals }: OrderedColumn): ValueOrder {
  if (numbers.has(type)) return (a, b) => Number(a) - Number(b);
  if (type === bigint) return (a, b) => compareIntegers(String(a), String(b));
  if (decimalTypes.has(type)) return (a, b) => compareDigits(String(a), String(b));
  if (times.has(type)) {
    if (decimals > 3) {
      throw new MergeError(
        `Column '${name}' has more digits after the second than a Date holds; order by UNIX_TIMESTAMP(${name}) instead.`,
      );
    }
    return (a, b) => timeOf(a, name) - timeOf(b, name);
  }
  if (texts.has(type) && (flags & enumOrSetFlags) === 0 && charset === binaryCharset) {
    return compareBytes;
  }
  throw new MergeError(
    `Columns of the type of '${name}' can't be merged in order; order by a number, a time or binary text.`,
  );
}

/** MySQL sorts dates that do not exist; JavaScript has no value for them. */
function timeOf(value: unknown, column: string): number {
  const time = Number(value);
  if (!Number.isNaN(time)) return time;
  throw new MergeError(
    `Column '${column}' holds a date that does not exist, such as 0000-00-00; order by CAST(${column} AS CHAR) AS … instead.`,
  );
}

/** Whole numbers of so few characters are doubles exactly. */
const exactLength = 15;

function compareIntegers(a: string, b: string): number {
  return a.length <= exactLength && b.length <= exactLength
    ? Number(a) - Number(b)
    : compareDigits(a, b);
}

/** Decimal text: `-12.50`. Digit by digit, because a double holds only 15 of them. */
export function compareDigits(a: string, b: string): number {
  const negative = a.startsWith('-');
  if (negative !== b.startsWith('-')) return isZero(a) && isZero(b) ? 0 : negative ? -1 : 1;
  const [first, second] = negative ? [b.slice(1), a.slice(1)] : [a, b];
  const [firstWhole = '', firstRest = ''] = first.split('.');
  const [secondWhole = '', secondRest = ''] = second.split('.');
  const width = Math.max(firstWhole.length, secondWhole.length);
  const length = Math.max(firstRest.length, secondRest.length);
  return compareCodeUnits(
    firstWhole.padStart(width, '0') + firstRest.padEnd(length, '0'),
    secondWhole.padStart(width, '0') + secondRest.padEnd(length, '0'),
  );
}

function isZero(text: string): boolean {
  return !/[1-9]/.test(text);
}

function compareCodeUnits(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function compareBytes(a: unknown, b: unknown): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return compareCodeUnits(String(a), String(b));
}
