import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSlotMap } from '../../../src/sharding/slots/consistent-hash.ts';
import { formatSlotRanges } from '../../../src/sharding/slots/slot-ranges.ts';

const SLOTS = 512;

const shardLists = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 12 }),
    weight: fc.oneof(
      fc.integer({ min: 1, max: 10 }),
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
    ),
  }),
  { minLength: 1, maxLength: 24, selector: ({ name }) => name },
);

describe('createSlotMap', () => {
  it('gives each shard its share, rounded down or up', () => {
    fc.assert(
      fc.property(shardLists, (shards) => {
        const total = shards.reduce((sum, { weight }) => sum + weight, 0);
        const counts = new Map(Object.entries(createSlotMap(shards, SLOTS).counts()));
        expect([...counts.values()].reduce((a, b) => a + b)).toBe(SLOTS);
        for (const { name, weight } of shards) {
          const quota = (SLOTS * weight) / total;
          expect(Math.abs((counts.get(name) ?? 0) - quota)).toBeLessThan(1);
        }
      }),
    );
  });

  it('is a function of names and weights, not of their order', () => {
    const shuffled = shardLists.chain((shards) =>
      fc.tuple(fc.constant(shards), fc.shuffledSubarray(shards, { minLength: shards.length })),
    );
    fc.assert(
      fc.property(shuffled, ([shards, again]) => {
        expect(formatSlotRanges(createSlotMap(again, SLOTS))).toEqual(
          formatSlotRanges(createSlotMap(shards, SLOTS)),
        );
      }),
    );
  });
});
