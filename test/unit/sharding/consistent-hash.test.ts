import { describe, expect, it } from 'vitest';
import { ConfigError, type Problem } from '../../../src/errors/config-error.ts';
import { createSlotMap } from '../../../src/sharding/slots/consistent-hash.ts';
import { slotFingerprint } from '../../../src/sharding/slots/slot-fingerprint.ts';
import type { SlotMap } from '../../../src/sharding/slots/slot-map.ts';
import type { WeightedShard } from '../../../src/sharding/slots/weighted-shard.ts';

const named = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `tx-${i + 1}` }));

function movedBetween(before: SlotMap, after: SlotMap): number {
  let moved = 0;
  for (let slot = 0; slot < before.slots; slot++) {
    if (before.shardOf(slot) !== after.shardOf(slot)) moved++;
  }
  return moved;
}

function problemsOf(shards: readonly WeightedShard[], slots?: number): readonly Problem[] {
  try {
    createSlotMap(shards, slots);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('createSlotMap', () => {
  it('gives equal shards equal shares, to the slot, for 1 to 256 shards', () => {
    for (let count = 1; count <= 256; count++) {
      const counts = Object.values(createSlotMap(named(count), 2048).counts());
      expect(counts).toHaveLength(count);
      expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil(2048 / count));
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(Math.floor(2048 / count));
    }
  });

  it.each([2, 3, 7, 16, 64, 256])('shares out all 16,384 slots among %d', (count) => {
    const counts = Object.values(createSlotMap(named(count)).counts());
    expect(counts.reduce((a, b) => a + b)).toBe(16_384);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
  });

  it('honours weights to the slot', () => {
    const map = createSlotMap([
      { name: 'small', weight: 1 },
      { name: 'large', weight: 3 },
      { name: 'default' },
      { name: 'half', weight: 0.5 },
    ]);
    // 16384 × 1, 3, 1 and 0.5 of 5.5: 2978.9, 8936.7, 2978.9, 1489.5.
    expect(map.counts()).toEqual({ default: 2979, half: 1489, large: 8937, small: 2979 });
  });

  it('treats weights as proportions, however large', () => {
    const of = (weights: number[]) =>
      createSlotMap(weights.map((weight, i) => ({ name: `tx-${i}`, weight }))).counts();
    expect(of([1e308, 1e308, 1e308])).toEqual(of([1, 1, 1]));
    expect(of([0.1, 0.2, 0.3])).toEqual(of([1, 2, 3]));
  });

  it('never changes: a new keyspace is the same on every machine and in every version', () => {
    const map = createSlotMap([{ name: 'tx-1' }, { name: 'tx-2', weight: 2 }, { name: 'tx-3' }]);
    expect(map.shards.map((shard) => slotFingerprint(map, shard))).toMatchInlineSnapshot(`
      [
        "23efc5c263aadb6a",
        "1125da0bc7c95cff",
        "63ce5c22e10d57fb",
      ]
    `);
  });

  it('does not ask in which order the shards are given', () => {
    const shards = named(20).map((shard, i) => ({ ...shard, weight: 1 + (i % 3) }));
    expect(movedBetween(createSlotMap(shards), createSlotMap(shards.toReversed()))).toBe(0);
  });

  it.each([
    [2, 1.1],
    [8, 1.1],
    [16, 1.2],
    [32, 1.3],
    [63, 1.5],
  ])('moves little when a shard joins %d others or leaves them', (count, most) => {
    const shards = named(count + 1);
    const whole = createSlotMap(shards);
    for (const gone of [0, count >> 1, count]) {
      const without = createSlotMap(shards.filter((_, i) => i !== gone));
      expect(movedBetween(whole, without)).toBeLessThan((16_384 / (count + 1)) * most);
    }
  });

  it('leaves a shard of a tiny weight without slots rather than refuse it', () => {
    const map = createSlotMap([{ name: 'a' }, { name: 'crumb', weight: 1e-9 }]);
    expect(map.counts()).toEqual({ a: 16_384, crumb: 0 });
  });

  it('refuses with every problem at once', () => {
    const problems = problemsOf(
      [
        { name: 'a', weight: 0 },
        { name: 'b', weight: -1 },
        { name: 'c', weight: Number.NaN },
        { name: 'd', weight: Number.POSITIVE_INFINITY },
        { name: '' },
        { name: 'a' },
      ],
      5,
    );
    expect(problems.map(({ path }) => path).toSorted()).toEqual([
      ...['shards', 'shards.4', 'shards.a', 'shards.a.weight'],
      ...['shards.b.weight', 'shards.c.weight', 'shards.d.weight'],
    ]);
  });

  it('refuses an empty list and an impossible number of slots', () => {
    expect(problemsOf([])).toHaveLength(1);
    expect(problemsOf(named(1), 0)).toHaveLength(1);
    expect(problemsOf(named(1), 65_537)).toHaveLength(1);
    expect(problemsOf(named(3), 3)).toEqual([]);
  });
});
