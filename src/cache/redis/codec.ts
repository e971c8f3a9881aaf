/**
 * What JSON can hold of a value: `{"$":…}` marks what it lacks, which is bigint, Date, bytes, Map, Set,
 * undefined and the odd numbers.
 *
 * @throws {TypeError} when there is a function, a symbol or a circle in it.
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
  if (Array.isArray(value)) return value.map(packValue);
  if (value instanceof Date) return { $: 'd', v: value.getTime() };
  if (value instanceof Uint8Array) {
    return {
      $: 'b',
      v: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64'),
    };
  }
  if (value instanceof Map) return { $: 'm', v: [...value].map(packValue) };
  if (value instanceof Set) return { $: 's', v: [...value].map(packValue) };
  const packed = Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, packValue(item)]),
  );
  return '$' in packed ? { $: 'o', v: packed } : packed;
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
      return Buffer.from(String(inner), 'base64');
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
