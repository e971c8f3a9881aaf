import { isDeepStrictEqual } from 'node:util';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freezeDeep, handedOut } from '../../../src/cache/memory/frozen.ts';
import {
  decodeEntry,
  encodeEntry,
  type StoredEntry,
  stampText,
} from '../../../src/cache/redis/entry-text.ts';
import { packValue, unpackValue } from '../../../src/values/pack-value.ts';

const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(null, undefined, -0, Number.NaN, Number.NEGATIVE_INFINITY),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
);
const key = fc.oneof(fc.string(), fc.constantFrom('$', '__proto__', 'v', 'toJSON', 'toString'));

const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, leaf, tie('array'), tie('object'), tie('map'), tie('set')),
  array: fc.array(tie('any'), { maxLength: 4 }),
  object: fc
    .array(fc.tuple(key, tie('any')), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries)),
  map: fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
  set: fc.array(tie('any'), { maxLength: 3 }).map((items) => new Set(items)),
})).any;

const of = { schema: 'schema', server: 'server', placement: 'eu-1' };
const stamp = stampText(of);
const entryOf = (given: unknown): StoredEntry => ({
  value: given,
  version: '7',
  loadedAtMs: 1_234,
  freshMs: 60_000,
  loadMs: 5,
});
const copyOf = (given: unknown) => unpackValue(JSON.parse(JSON.stringify(packValue(given))));

describe('what is stored in Redis', () => {
  it('is read as it was, whatever it is, compressed or not', () => {
    fc.assert(
      fc.property(value, fc.nat({ max: 200 }), (given, compressOver) => {
        const text = encodeEntry(entryOf(given), stamp, compressOver, 1e6);
        expectSame(decodeEntry(text, stamp, 1e6), entryOf(given));
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be an invalid date', () => {
    expect(String(copyOf(new Date(Number.NaN)))).toBe('Invalid Date');
  });

  it('takes less room when it is compressed', () => {
    const long = entryOf('Lovelace '.repeat(1_000));
    const [plain, packed] = [
      encodeEntry(long, stamp, 10_000, 1e6),
      encodeEntry(long, stamp, 100, 1e6),
    ];
    expect(packed.length).toBeLessThan(plain.length / 10);
  });

  it.each([
    ['schema', 'schema'],
    ['server', 'elsewhere'],
    ['placement', 'elsewhere'],
  ])('is a miss under another %s', (field, why) => {
    const text = encodeEntry(entryOf(1), stamp, 100, 1e6);
    expect(decodeEntry(text, stampText({ ...of, [field]: 'other' }), 1e6)).toBe(why);
  });

  it('is a miss when it is anything else', () => {
    const text = encodeEntry(entryOf('Ada Lovelace'), stamp, 100, 1e6);
    fc.assert(
      fc.property(fc.string(), fc.nat(), (garbage, at) => {
        const place = at % text.length;
        for (const spoilt of [
          garbage,
          `m2|${garbage}`,
          `m2||schema|server|eu-1|1|1|1|${garbage}`,
          `m2||schema|server|eu-1|1|1|1|z|${garbage}`,
          `m2||schema|server|eu-1|1|1|${garbage}|j|1`,
        ]) {
          const read = decodeEntry(spoilt, stamp, 1e6);
          expect(typeof read === 'string' || Number.isSafeInteger(read.loadedAtMs)).toBe(true);
        }
        expect(() => decodeEntry(text.slice(0, place), stamp, 1e6)).not.toThrow();
        expect(() => decodeEntry(text.slice(0, place) + garbage, stamp, 1e6)).not.toThrow();
      }),
    );
  });

  it('Z2: does not unpack to more than entries may have, nor where nothing is compressed', () => {
    const bomb = deflateRawSync(Buffer.alloc(300 * 1_024 * 1_024)).toString('base64');
    const text = `m2||schema|server|eu-1|1|1|1|z|${bomb}`;
    const before = process.memoryUsage().rss;
    for (let turn = 0; turn < 50; turn++) expect(decodeEntry(text, stamp, 4e6)).toBe('garbage');
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1_024 * 1_024);
    const packed = encodeEntry(entryOf('Lovelace '.repeat(1_000)), stamp, 100, 1e6);
    expect(decodeEntry(packed, stamp, 0)).toBe('compressed');
    expect(decodeEntry(packed, stamp, 8_000)).toBe('garbage');
    expect(() => encodeEntry(entryOf('x'.repeat(10_000)), stamp, 100, 8_000)).toThrow(RangeError);
  });

  it('can not be a function or a symbol', () => {
    for (const odd of [() => 1, Symbol('x'), { deep: [() => 1] }]) {
      expect(() => packValue(odd)).toThrow(TypeError);
    }
  });
});

describe('what is handed out of memory', () => {
  it('equals what was put in, and can not reach it', () => {
    fc.assert(
      fc.property(value, (given) => {
        const twin = copyOf(given);
        const { needsCopy } = freezeDeep(given);
        const handed = handedOut(given, needsCopy);
        expectSame(handed, twin);
        spoil(handed, new Set());
        expectSame(given, twin);
      }),
      { numRuns: 1_000 },
    );
  });
});

it('a row with Dates is handed out as a copy of its own, whatever its columns are called', () => {
  const column = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'at', 'toJSON'), fc.string());
  const date = fc.date({ noInvalidDate: true });
  const cell = fc.oneof(date, date, fc.string(), fc.constantFrom(null, undefined, 1n, 0.5));
  fc.assert(
    fc.property(fc.dictionary(column, cell), date, (cells, at) => {
      const row = { ...cells, first: at };
      const twin = copyOf(row);
      const { needsCopy } = freezeDeep(row);
      const handed = handedOut(row, needsCopy);
      expectSame(handed, twin);
      expect(Object.isFrozen(handed)).toBe(true);
      expect(handed.first).not.toBe(row.first);
      const proto = Object.getOwnPropertyDescriptor(row, '__proto__')?.value;
      expect(Array.isArray(needsCopy)).toBe(!(proto instanceof Date));
      spoil(handed, new Set());
      expectSame(row, twin);
    }),
    { numRuns: 1_000 },
  );
});

/** Node's equality: vitest's takes a key called `constructor` for the type of the object. */
function expectSame(actual: unknown, expected: unknown): void {
  expect(isDeepStrictEqual(actual, expected)).toBe(true);
}

/** Changes everything that lets itself be changed. */
function spoil(given: unknown, seen: Set<unknown>): void {
  if (typeof given !== 'object' || given === null || seen.has(given)) return;
  seen.add(given);
  if (given instanceof Date) given.setTime(42);
  else if (Buffer.isBuffer(given)) given.fill(7);
  else if (given instanceof Map || given instanceof Set) {
    for (const item of [...given].flat()) spoil(item, seen);
    given.clear();
  } else {
    for (const item of Object.values(given)) spoil(item, seen);
    Reflect.set(given, 'spoilt', true);
  }
}
