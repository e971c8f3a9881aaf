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

/** The UTC time that a text such as `2026-11-28 12:30:00.5` names; undefined when there is none. */
export function dateOf(text: string): Date | undefined {
  const part = (from: number, to: number) => Number(text.slice(from, to));
  const [month, day] = [part(5, 7), part(8, 10)];
  const date = new Date(0);
  // The constructor and Date.UTC take years below 100 for those of the twentieth century.
  date.setUTCFullYear(part(0, 4), month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (text.length > 10) {
    const milliseconds = Number(text.slice(20, 20 + mostDecimals).padEnd(mostDecimals, '0'));
    date.setUTCHours(part(11, 13), part(14, 16), part(17, 19), milliseconds);
  }
  return Number.isNaN(date.getTime()) ? undefined : date;
}
