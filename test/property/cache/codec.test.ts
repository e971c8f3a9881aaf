import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeStored, encodeStored } from '../../../src/cache/codec.ts';
import { copyUnfreezable, freezeDeep } from '../../../src/cache/frozen.ts';

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

describe('what is stored in Redis', () => {
  it('is read as it was, whatever it is', () => {
    fc.assert(
      fc.property(value, fc.maxSafeNat(), (given, storedAtMs) => {
        const text = encodeStored({ value: given, storedAtMs }, 'schema');
        expectSame(decodeStored(text, 'schema'), { value: given, storedAtMs });
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be an invalid date', () => {
    const text = encodeStored({ value: new Date(Number.NaN), storedAtMs: 1 }, 's');
    expect(String(decodeStored(text, 's')?.value)).toBe('Invalid Date');
  });

  it('is a miss under another schema, and when it is anything else', () => {
    const text = encodeStored({ value: 1, storedAtMs: 1 }, 'schema');
    expect(decodeStored(text, 'other')).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), fc.nat(), (garbage, at) => {
        for (const spoilt of [garbage, `m1|schema|${garbage}`, `m1|schema|1|${garbage}`]) {
          const read = decodeStored(spoilt, 'schema');
          expect(read === undefined || Number.isSafeInteger(read.storedAtMs)).toBe(true);
        }
        expect(() => decodeStored(text.slice(0, at % text.length), 'schema')).not.toThrow();
      }),
    );
  });

  it('can not be a function or a symbol', () => {
    for (const odd of [() => 1, Symbol('x'), { deep: [() => 1] }]) {
      expect(() => encodeStored({ value: odd, storedAtMs: 1 }, 's')).toThrow(TypeError);
    }
  });
});

describe('what is handed out of memory', () => {
  it('equals what was put in, and can not reach it', () => {
    fc.assert(
      fc.property(value, (given) => {
        const twin = decodeStored(encodeStored({ value: given, storedAtMs: 1 }, 's'), 's')?.value;
        const { needsCopy } = freezeDeep(given);
        const handed = needsCopy ? copyUnfreezable(given) : given;
        expectSame(handed, twin);
        spoil(handed, new Set());
        expectSame(given, twin);
      }),
      { numRuns: 1_000 },
    );
  });
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
