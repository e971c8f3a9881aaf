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

/** Why a JSON text with a key twice is refused. */
export const doubledKey =
  'holds an object with a key twice, of which JavaScript takes the last and a server may take the first';

const keyTokens = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"(\s*:)?/g;

/** Whether an object of a JSON text has a key twice, given what JSON.parse made of it. */
export function hasDoubledKeys(text: string, value: unknown): boolean {
  const kept = keysOf(value);
  // Every key has a colon; where texts have some too, keys are counted one by one.
  let colons = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) colons++;
  if (colons === kept) return false;
  let keys = 0;
  for (const [, colon] of text.matchAll(keyTokens)) if (colon !== undefined) keys++;
  return keys > kept;
}

/** How many keys all objects of a value have together. */
function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children: unknown[] = Object.values(value);
  let count = Array.isArray(value) ? 0 : children.length;
  for (const child of children) count += keysOf(child);
  return count;
}

/** A schema takes a key for none. */
export class LostKey extends Error {}

/**
 * What a schema says of a stored JSON value, but with the stored values where it changed them: defaults
 * are there, keys that it does not know are not, and nothing is trimmed once more.
 *
 * @throws {LostKey} for a key `__proto__`, which schemas of records drop.
 */
export function asStored(stored: unknown, parsed: unknown): unknown {
  if (stored === parsed) return stored;
  if (Array.isArray(stored) && Array.isArray(parsed)) {
    return stored.map((item: unknown, index) => asStored(item, parsed[index]));
  }
  if (isObject(stored) && isObject(parsed)) {
    if (Object.hasOwn(stored, '__proto__') && !Object.hasOwn(parsed, '__proto__')) {
      throw new LostKey("has a key '__proto__', which its schema drops");
    }
    return Object.fromEntries(
      Object.entries(parsed).map(([key, value]) => [
        key,
        Object.hasOwn(stored, key) ? asStored(stored[key], value) : value,
      ]),
    );
  }
  // Of another type it was coerced, which the type of the row says.
  return typeof stored === typeof parsed ? stored : parsed;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
