import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotFingerprint } from '../../../src/sharding/slots/slot-fingerprint.ts';
import { slotMapOf } from '../../../src/sharding/slots/slot-map.ts';
import {
  formatSlotRanges,
  parseSlotRanges,
  readSlotRanges,
} from '../../../src/sharding/slots/slot-ranges.ts';

const SHARDS = ['a', 'b', 'c', 'd'];
// In runs, as maps come, so that ranges and single slots both appear.
const owners = fc
  .array(fc.tuple(fc.constantFrom(...SHARDS), fc.integer({ min: 1, max: 6 })), {
    minLength: 4,
    maxLength: 30,
  })
  .map((runs) => runs.flatMap(([shard, length]) => Array<string>(length).fill(shard)));

const ownersOf = (map: { slots: number; shardOf(slot: number): string }) =>
  Array.from({ length: map.slots }, (_, slot) => map.shardOf(slot));

describe('slot ranges', () => {
  it('say everything about a map', () => {
    fc.assert(
      fc.property(owners, (names) => {
        const map = slotMapOf(SHARDS, names);
        const read = parseSlotRanges(formatSlotRanges(map), map.slots);
        expect(ownersOf(read)).toEqual(names);
        expect(read.shards).toEqual(map.shards);
        expect(read.counts()).toEqual(map.counts());
      }),
    );
  });

  it('are a map exactly when each slot has one owner', () => {
    const lists = fc.record({
      a: fc.array(fc.nat({ max: 7 }), { maxLength: 6 }),
      b: fc.array(fc.nat({ max: 7 }), { maxLength: 6 }),
    });
    const oneOwner = owners.map((names) => ({
      a: names.slice(0, 8).flatMap((name, slot) => (name < 'c' ? [slot] : [])),
      b: names.slice(0, 8).flatMap((name, slot) => (name < 'c' ? [] : [slot])),
    }));
    fc.assert(
      fc.property(fc.oneof(lists, oneOwner), ({ a, b }) => {
        const claimed = [...a, ...b].toSorted((x, y) => x - y).join();
        const result = readSlotRanges({ a: a.join(), b: b.join() }, 8);
        expect('map' in result).toBe(claimed === '0,1,2,3,4,5,6,7');
      }),
      { numRuns: 1000 },
    );
  });

  it('have a fingerprint that only the same slots share', () => {
    fc.assert(
      fc.property(owners, owners, (first, second) => {
        const one = slotMapOf(SHARDS, first);
        const other = slotMapOf(SHARDS, second);
        for (const shard of SHARDS) {
          const same =
            one.slots === other.slots &&
            formatSlotRanges(one)[shard] === formatSlotRanges(other)[shard];
          expect(slotFingerprint(one, shard) === slotFingerprint(other, shard)).toBe(same);
        }
      }),
    );
  });
});
