/** What is stored under a key: a value and when it was read from its source. */
export interface StoredValue {
  /** `null`: the source has nothing under this key. */
  readonly value: unknown;
  /** Milliseconds since 1970 on the writer's clock. */
  readonly storedAtMs: number;
}

const format = 'm1';

/**
 * Text form of a stored value: format, schema fingerprint, time, then JSON in which `{"$":…}` marks
 * what JSON lacks: bigint, Date, bytes, Map, Set, undefined and the odd numbers.
 */
export function encodeStored({ value, storedAtMs }: StoredValue, schema: string): string {
  return `${format}|${schema}|${storedAtMs}|${JSON.stringify(pack(value))}`;
}

/** Reads what `encodeStored` wrote under the same schema; anything else is undefined: a miss. */
export function decodeStored(text: string, schema: string): StoredValue | undefined {
  const head = `${format}|${schema}|`;
  if (!text.startsWith(head)) return undefined;
  const end = text.indexOf('|', head.length);
  const storedAtMs = Number(text.slice(head.length, end));
  if (end < 0 || !Number.isSafeInteger(storedAtMs)) return undefined;
  try {
    return { value: unpack(JSON.parse(text.slice(end + 1))), storedAtMs };
  } catch {
    // Garbage under our key is a miss like any other; the caller reports it.
    return undefined;
  }
}

function pack(value: unknown): unknown {
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
  if (Array.isArray(value)) return value.map(pack);
  if (value instanceof Date) return { $: 'd', v: value.getTime() };
  if (value instanceof Uint8Array) {
    return {
      $: 'b',
      v: Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64'),
    };
  }
  if (value instanceof Map) return { $: 'm', v: [...value].map(pack) };
  if (value instanceof Set) return { $: 's', v: [...value].map(pack) };
  const packed = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item)]));
  return '$' in packed ? { $: 'o', v: packed } : packed;
}

function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
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
      return new Map(list(inner).map((pair) => pairOf(unpack(pair))));
    case 's':
      return new Set(list(inner).map(unpack));
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
      Object.defineProperty(fields, key, { value: unpack(item), enumerable: true });
    else fields[key] = unpack(item);
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
