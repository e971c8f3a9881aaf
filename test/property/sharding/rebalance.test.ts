import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rebalance } from '../../../src/sharding/slots/rebalance.ts';
import { slotMapOf } from '../../../src/sharding/slots/slot-map.ts';
import { formatSlotRanges } from '../../../src/sharding/slots/slot-ranges.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

const maps = fc
  .array(fc.constantFrom(...NAMES), { minLength: 6, maxLength: 60 })
  .map((owners) => slotMapOf(NAMES, owners));

const shardLists = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom(...NAMES, 'new-1', 'new-2'),
    weight: fc.integer({ min: 1, max: 5 }),
  }),
  { minLength: 1, maxLength: 6, selector: ({ name }) => name },
);

/** The fewest slots that can be lost, over every way to round the shares, by trying them all. */
function leastMoves(held: readonly number[], weights: readonly number[], slots: number): number {
  const total = weights.reduce((a, b) => a + b, 0);
  const heldByOthers = slots - held.reduce((a, b) => a + b, 0);
  const search = (index: number, left: number, lost: number): number => {
    const weight = weights[index];
    if (weight === undefined) return left === 0 ? lost : Number.POSITIVE_INFINITY;
    const floor = Math.floor((slots * weight) / total);
    const choices = (slots * weight) % total === 0 ? [floor] : [floor, floor + 1];
    return Math.min(
      ...choices.map((capacity) =>
        search(index + 1, left - capacity, lost + Math.max(0, (held[index] ?? 0) - capacity)),
      ),
    );
  };
  return search(0, slots, heldByOthers);
}

describe('rebalance', () => {
  it('moves as few slots as any fair plan could', () => {
    fc.assert(
      fc.property(maps, shardLists, (previous, shards) => {
        const counts = previous.counts();
        const held = shards.map(({ name }) => counts[name] ?? 0);
        const weights = shards.map(({ weight }) => weight);
        expect(rebalance(previous, shards).moves).toHaveLength(
          leastMoves(held, weights, previous.slots),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('gives each shard its share, rounded down or up', () => {
    fc.assert(
      fc.property(maps, shardLists, (previous, shards) => {
        const { map } = rebalance(previous, shards);
        const total = shards.reduce((sum, { weight }) => sum + weight, 0);
        expect(map.shards).toEqual(shards.map(({ name }) => name).toSorted());
        for (const { name, weight } of shards) {
          const quota = (previous.slots * weight) / total;
          expect(Math.abs((map.counts()[name] ?? 0) - quota)).toBeLessThan(1);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('leads from the old map to the new by its moves, and no other slot changes', () => {
    fc.assert(
      fc.property(maps, shardLists, (previous, shards) => {
        const { map, moves } = rebalance(previous, shards);
        const moved = new Map(moves.map((move) => [move.slot, move]));
        expect(moved.size).toBe(moves.length);
        for (let slot = 0; slot < previous.slots; slot++) {
          const { from, to } = moved.get(slot) ?? {
            from: previous.shardOf(slot),
            to: previous.shardOf(slot),
          };
          expect(previous.shardOf(slot)).toBe(from);
          expect(map.shardOf(slot)).toBe(to);
        }
        expect(moves.every(({ from, to }) => from !== to)).toBe(true);
        expect(moves.map(({ slot }) => slot)).toEqual([...moved.keys()].toSorted((a, b) => a - b));
      }),
      { numRuns: 500 },
    );
  });

  it('has nothing left to do after itself, in any order of shards', () => {
    fc.assert(
      fc.property(maps, shardLists, (previous, shards) => {
        const { map } = rebalance(previous, shards);
        expect(rebalance(map, shards.toReversed()).moves).toEqual([]);
        expect(formatSlotRanges(rebalance(previous, shards.toReversed()).map)).toEqual(
          formatSlotRanges(map),
        );
      }),
    );
  });
});
