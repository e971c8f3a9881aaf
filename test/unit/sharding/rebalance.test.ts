import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors/config-error.ts';
import { createSlotMap } from '../../../src/sharding/slots/consistent-hash.ts';
import { rebalance } from '../../../src/sharding/slots/rebalance.ts';
import { formatSlotRanges, parseSlotRanges } from '../../../src/sharding/slots/slot-ranges.ts';

const named = (...names: string[]) => names.map((name) => ({ name }));

describe('rebalance', () => {
  it('gives a new shard its share from every other, in whole ranges', () => {
    const before = parseSlotRanges({ 'tx-1': '0-8191', 'tx-2': '8192-16383' }, 16_384);
    const { map, moves } = rebalance(before, named('tx-1', 'tx-2', 'tx-3'));
    expect(formatSlotRanges(map)).toEqual({
      'tx-1': '2730-8191',
      'tx-2': '10923-16383',
      'tx-3': '0-2729,8192-10922',
    });
    expect(moves).toHaveLength(5461);
    expect(moves[0]).toEqual({ slot: 0, from: 'tx-1', to: 'tx-3' });
  });

  it('empties a shard that is gone', () => {
    const before = parseSlotRanges({ a: '0-3', b: '4-7', c: '8-11' }, 12);
    const { map, moves } = rebalance(before, named('a', 'c'));
    expect(map.shards).toEqual(['a', 'c']);
    expect(map.counts()).toEqual({ a: 6, c: 6 });
    expect(moves.every(({ from }) => from === 'b')).toBe(true);
  });

  it('moves nothing when nothing changed', () => {
    for (const count of [1, 3, 7, 60]) {
      const shards = Array.from({ length: count }, (_, i) => ({
        name: `s${i}`,
        weight: 1 + (i % 4),
      }));
      expect(rebalance(createSlotMap(shards), shards).moves).toEqual([]);
    }
  });

  it('lets a shard keep the odd slot that it holds', () => {
    // Ten slots for three: by name 'a' would be rounded up, but 'c' has the fourth already.
    const before = parseSlotRanges({ a: '0-2', b: '3-5', c: '6-9' }, 10);
    expect(rebalance(before, named('a', 'b', 'c')).moves).toEqual([]);
  });

  it('follows new weights', () => {
    const before = parseSlotRanges({ a: '0-49', b: '50-99' }, 100);
    const { map, moves } = rebalance(before, [{ name: 'a', weight: 3 }, { name: 'b' }]);
    expect(map.counts()).toEqual({ a: 75, b: 25 });
    expect(moves.map(({ slot }) => slot)).toEqual(Array.from({ length: 25 }, (_, i) => 50 + i));
  });

  it('fills a shard that owns nothing yet', () => {
    const before = parseSlotRanges({ a: '0-99', b: '' }, 100);
    expect(rebalance(before, named('a', 'b')).map.counts()).toEqual({ a: 50, b: 50 });
  });

  it('replaces all shards', () => {
    const before = parseSlotRanges({ a: '0-99' }, 100);
    const { map, moves } = rebalance(before, named('b'));
    expect(map.counts()).toEqual({ b: 100 });
    expect(moves).toHaveLength(100);
  });

  it('refuses what createSlotMap refuses', () => {
    const before = parseSlotRanges({ a: '0-1' }, 2);
    expect(() => rebalance(before, [])).toThrow(ConfigError);
    expect(() => rebalance(before, named('a', 'b', 'c'))).toThrow(ConfigError);
    expect(() => rebalance(before, [{ name: 'a', weight: 0 }])).toThrow(ConfigError);
  });
});
