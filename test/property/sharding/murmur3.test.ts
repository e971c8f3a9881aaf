import fc from 'fast-check';
import oracle from 'murmurhash3js-revisited';
import { describe, expect, it } from 'vitest';
import { murmur3 } from '../../../src/sharding/murmur3.ts';
import { canonicalKey, keyBytes } from '../../../src/sharding/shard-key.ts';
import { HASH_SLOTS, slotOf } from '../../../src/sharding/slots/hash-strategy.ts';

const seeds = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffffffff }));
const wellFormed = fc.string({ unit: 'binary', maxLength: 80 });

describe('murmur3 agrees with murmurhash3js-revisited', () => {
  it('for bytes of every length from 0 to 200', () => {
    const cases = fc.tuple(fc.uint8Array({ minLength: 200, maxLength: 200 }), seeds);
    fc.assert(
      fc.property(cases, ([bytes, seed]) => {
        for (let length = 0; length <= 200; length++) {
          const part = bytes.subarray(0, length);
          expect(murmur3(part, seed)).toBe(oracle.x86.hash32(part, seed));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('for ASCII text of every length from 0 to 200', () => {
    const text = fc.string({ unit: 'binary-ascii', minLength: 200, maxLength: 200 });
    fc.assert(
      fc.property(text, seeds, (whole, seed) => {
        for (let length = 0; length <= 200; length++) {
          const part = whole.slice(0, length);
          expect(murmur3(part, seed)).toBe(oracle.x86.hash32(Buffer.from(part), seed));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('for Unicode text, also longer than the reused buffer', () => {
    fc.assert(
      fc.property(wellFormed, seeds, fc.integer({ min: 1, max: 40 }), (text, seed, times) => {
        const long = text.repeat(times);
        expect(murmur3(long, seed)).toBe(oracle.x86.hash32(Buffer.from(long), seed));
      }),
      { numRuns: 1000 },
    );
  });

  it('for text with one odd character anywhere', () => {
    const odd = fc.constantFrom('\u0080', 'é', '\u0100', '語', '🙂', '\u0000', '\u007f');
    const ascii = fc.string({ unit: 'binary-ascii', maxLength: 40 });
    fc.assert(
      fc.property(ascii, odd, ascii, (before, character, after) => {
        const text = before + character + after;
        expect(murmur3(text)).toBe(oracle.x86.hash32(Buffer.from(text)));
      }),
      { numRuns: 1000 },
    );
  });

  it('for whole numbers, as decimal text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeInteger(), fc.bigInt()), (key) => {
        expect(murmur3(key)).toBe(oracle.x86.hash32(Buffer.from(`${key}`)));
      }),
    );
  });
});

describe('a key', () => {
  it('has one hash, whichever way its canonical form is hashed', () => {
    const keys = fc.oneof(wellFormed, fc.uuid(), fc.maxSafeInteger(), fc.bigInt(), fc.uint8Array());
    fc.assert(
      fc.property(keys, (key) => {
        expect(murmur3(canonicalKey(key))).toBe(murmur3(key));
        expect(murmur3(keyBytes(key))).toBe(murmur3(key));
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps its hash in any letter case if it is a UUID', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.infiniteStream(fc.boolean()), (uuid, capitals) => {
        const mixed = Array.from(uuid, (c) => (capitals.next().value ? c.toUpperCase() : c)).join(
          '',
        );
        expect(murmur3(mixed)).toBe(murmur3(uuid));
      }),
    );
  });
});

describe('slots', () => {
  it.each([
    ['counting numbers', (i: number): string | number => i],
    ['prefixed numbers', (i: number): string | number => `user:${i}`],
  ])('are filled evenly by a million %s (chi-square, p = 0.001)', (_, keyOf) => {
    const keys = 1_000_000;
    const filled = new Uint32Array(HASH_SLOTS);
    for (let i = 0; i < keys; i++) {
      const slot = slotOf(keyOf(i));
      filled[slot] = (filled[slot] ?? 0) + 1;
    }
    const expected = keys / HASH_SLOTS;
    const chiSquare = filled.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Quantiles 0.0005 and 0.9995 with 16,383 degrees of freedom, by Wilson and Hilferty's cubes: too
    // even is as suspicious as too uneven.
    const freedom = HASH_SLOTS - 1;
    const quantile = (z: number) =>
      freedom * (1 - 2 / (9 * freedom) + z * Math.sqrt(2 / (9 * freedom))) ** 3;
    expect(chiSquare).toBeGreaterThan(quantile(-3.2905));
    expect(chiSquare).toBeLessThan(quantile(3.2905));
  });
});
