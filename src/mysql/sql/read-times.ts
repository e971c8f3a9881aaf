import type { RawRow, ResultColumn } from './sql.ts';

/** The protocol's type numbers of TIMESTAMP, DATE and DATETIME. */
const times = new Set([7, 10, 12]);
/** A Date holds milliseconds. */
const mostDecimals = 3;

/**
 * Gives the times of rows their form, in place: the driver hands them over as text, which alone is
 * exact. A time becomes a Date where a Date is the same time. It stays text where it is no time that
 * exists (`2013-02-31`, `0000-00-00`), and in columns that are finer than a Date.
 */
export function timeReader(
  columns: readonly ResultColumn[],
): ((row: RawRow) => RawRow) | undefined {
  const found = columns.filter(({ type }) => times.has(type));
  if (found.length === 0) return undefined;
  return (row) => {
    for (const { name, decimals } of found) {
      const text = row[name];
      if (typeof text === 'string') row[name] = readTime(text, decimals);
    }
    return row;
  };
}

function readTime(text: string, decimals: number): Date | string {
  if (decimals > mostDecimals) return paddedFraction(text, decimals);
  return dateOf(text) ?? text;
}

/** The server leaves the fraction out where it is 0. */
function paddedFraction(text: string, decimals: number): string {
  if (text.length <= 10) return text;
  const [seconds = '', fraction = ''] = text.split('.');
  return `${seconds}.${fraction.padEnd(decimals, '0')}`;
}

/** The UTC time that a text such as `2026-11-28 12:30:00.5` names; undefined when there is none. O(1), without slices. */
export function dateOf(text: string): Date | undefined {
  const [year, month, day] = [digits(text, 0, 4), digits(text, 5, 7), digits(text, 8, 10)];
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month)))
    return undefined;
  let ms = 0;
  if (text.length > 10) {
    const seconds = (digits(text, 11, 13) * 60 + digits(text, 14, 16)) * 60 + digits(text, 17, 19);
    ms = seconds * 1_000 + milliseconds(text);
    if (Number.isNaN(ms)) return undefined;
  }
  // Date.UTC takes years below 100 for those of the twentieth century.
  if (year >= 100) return new Date(Date.UTC(year, month - 1, day) + ms);
  return new Date(new Date(0).setUTCFullYear(year, month - 1, day) + ms);
}

/** The number that some digits of a text are; NaN where one of them is none, or is not there. */
function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = 10 * number + digit;
  }
  return number;
}

/** Of the fraction behind the seconds, the first three digits; the server leaves zeros at its end out. */
function milliseconds(text: string): number {
  const end = Math.min(text.length, 20 + mostDecimals);
  return end <= 20 ? 0 : digits(text, 20, end) * 10 ** (20 + mostDecimals - end);
}

const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysOf(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && isLeap ? 29 : (daysOfMonth[month - 1] ?? 0);
}
