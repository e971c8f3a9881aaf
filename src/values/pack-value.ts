import { isDate, isMap, isSet } from 'node:util/types';
import { ownBytes } from './own-bytes.ts';
import { isNameOfNumbers, kindOf, nameOfKind, nameOfNumbers, typedArrays } from './value-kind.ts';

/**
 * What JSON can hold of a value: `{"$":…}` marks what it lacks, which is bigint, Date, bytes, typed arrays,
 * Map, Set, objects without a prototype, undefined and the odd numbers.
 *
 * @throws {TypeError} when there is a function, a symbol, a circle or an instance of a class in it.
 */
export function packValue(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return { $: 'n', v: value.toString() };
    case 'undefined':
      return { $: 'u' };
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $: 'f', v: oddNumber(value) };
    case 'function':
    case 'symbol':
      throw new TypeError(`a ${typeof value} can not be cached`);
    case 'object':
      return value === null ? null : packObject(value);
    default:
      return value;
  }
}

function packObject(value: object): unknown {
  const kind = kindOf(value);
  if (kind === undefined) throw new TypeError(`${nameOfKind(value)} can not be cached`);
  if (Array.isArray(value)) return value.map(packValue);
  if (ArrayBuffer.isView(value)) return packView(value);
  if (isDate(value)) return { $: 'd', v: value.getTime() };
  if (isMap(value)) return { $: 'm', v: [...value].map(packValue) };
  if (isSet(value)) return { $: 's', v: [...value].map(packValue) };
  const packed = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, packValue(item)]),
  );
  if (kind === 'bare') return { $: 'p', v: packed };
  return '$' in packed ? { $: 'o', v: packed } : packed;
}

function packView(value: ArrayBufferView): unknown {
  const v = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  return Buffer.isBuffer(value) ? { $: 'b', v } : { $: 't', k: nameOfNumbers(value), v };
}

/** The value that {@link packValue} took apart. @throws {TypeError} when it did not. */
export function unpackValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpackValue);
  if (typeof value !== 'object' || value === null) return value;
  if (!('$' in value)) return unpackFields(value);
  const inner = 'v' in value ? value.v : undefined;
  switch (value.$) {
    case 'n':
      return BigInt(String(inner));
    case 'u':
      return undefined;
    case 'f':
      return Number(inner);
    case 'd':
      // JSON knows no NaN: an invalid date comes as null.
      return new Date(inner === null ? Number.NaN : Number(inner));
    case 'b':
      return ownBytes(Buffer.from(String(inner), 'base64'));
    case 't':
      return numbersOf('k' in value ? String(value.k) : '', String(inner));
    case 'p':
      return Object.assign(Object.create(null), unpackFields(Object(inner)));
    case 'm':
      return new Map(list(inner).map((pair) => pairOf(unpackValue(pair))));
    case 's':
      return new Set(list(inner).map(unpackValue));
    case 'o':
      return unpackFields(Object(inner));
    default:
      throw new TypeError('unknown mark');
  }
}

function unpackFields(value: object): object {
  const fields: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    // An own property even for the one name that assignment would treat as the prototype.
    if (key === '__proto__')
      Object.defineProperty(fields, key, { value: unpackValue(item), enumerable: true });
    else fields[key] = unpackValue(item);
  }
  return fields;
}

function numbersOf(name: string, base64: string): object {
  if (!isNameOfNumbers(name)) throw new TypeError('an unknown typed array');
  // Bytes of their own, from the start of a buffer: as wide numbers are aligned.
  return new typedArrays[name](new Uint8Array(Buffer.from(base64, 'base64')).buffer);
}

function oddNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError('a list was expected');
  return value;
}

function pairOf(value: unknown): [unknown, unknown] {
  const [key, item] = list(value);
  return [key, item];
}
