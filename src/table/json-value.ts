/** Deeper values are refused by MySQL itself. */
const mostLevels = 100;

/** What JSON can't hold, and where in the value it is: `.items[2].at`. */
export interface JsonMisfit {
  readonly at: string;
  readonly reason: string;
}

/** Looks for what would come back from JSON as something else, or not at all. */
export function jsonMisfit(value: unknown): JsonMisfit | undefined {
  return misfitOf(value, '', []);
}

function misfitOf(value: unknown, at: string, above: readonly unknown[]): JsonMisfit | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed()
        ? undefined
        : { at, reason: 'holds half of a surrogate pair, which UTF-8 lacks' };
    case 'boolean':
      return undefined;
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return undefined;
      return { at, reason: `is ${Object.is(value, -0) ? '-0' : value}, which JSON lacks` };
    case 'object':
      break;
    default:
      return {
        at,
        reason:
          value === undefined
            ? 'has no value, and JSON would leave it out or make it null'
            : `is a ${typeof value}, which JSON lacks`,
      };
  }
  if (value === null) return undefined;
  if (above.includes(value)) return { at, reason: 'refers back to what holds it' };
  if (above.length === mostLevels)
    return { at, reason: `is nested over ${mostLevels} levels deep` };
  const within = [...above, value];
  if (Array.isArray(value)) {
    // By index: a hole of an array is undefined, which iteration would skip.
    for (let index = 0; index < value.length; index++) {
      const found = misfitOf(value[index], `${at}[${index}]`, within);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return { at, reason: `is a ${nameOf(value)}, of which JSON would keep less` };
  }
  if (Object.getOwnPropertySymbols(value).length > 0) {
    return { at, reason: 'has a symbol for a key, which JSON lacks' };
  }
  for (const [key, child] of Object.entries(value)) {
    const found = misfitOf(child, `${at}.${key}`, within);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOf(value: object): string {
  const { name } = value.constructor;
  return name === '' ? 'class' : name;
}

/** Only texts with that many digits, or such an exponent, can hold a number that a double rounds. */
const mayRound = /[\d.]{16}|\d[eE][+-]?\d{3}/;
const tokens = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Why a JSON text without exact numbers is refused. */
export const inexactNumber =
  'holds a number with more digits than a JavaScript number has; store it as a string';

/** Whether every number of a JSON text is the one that JSON.parse makes of it. */
export function hasExactNumbers(text: string): boolean {
  if (!mayRound.test(text)) return true;
  for (const [token] of text.matchAll(tokens)) {
    if (token.startsWith('"')) continue;
    const value = Number(token);
    if (!Number.isFinite(value) || canonical(token) !== canonical(String(value))) return false;
  }
  return true;
}

/** One text for one number: its digits and the power of ten of the last of them. */
function canonical(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = Number(exponent) - fraction.length + (digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}
