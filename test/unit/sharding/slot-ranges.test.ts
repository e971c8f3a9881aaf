import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors/config-error.ts';
import {
  formatSlotRanges,
  parseSlotRanges,
  readSlotRanges,
  type SlotRanges,
} from '../../../src/sharding/slots/slot-ranges.ts';

function problemsOf(ranges: SlotRanges, slots: number) {
  const result = readSlotRanges(ranges, slots);
  return 'problems' in result ? result.problems : [];
}

describe('readSlotRanges', () => {
  it('reads ranges, single slots and lists', () => {
    const map = parseSlotRanges({ 'tx-1': '0-2, 5', 'tx-2': '3-4,6-7 ,8', idle: '' }, 9);
    expect(Array.from({ length: 9 }, (_, slot) => map.shardOf(slot))).toEqual([
      ...['tx-1', 'tx-1', 'tx-1', 'tx-2', 'tx-2', 'tx-1', 'tx-2', 'tx-2', 'tx-2'],
    ]);
    expect(map.counts()).toEqual({ idle: 0, 'tx-1': 4, 'tx-2': 5 });
  });

  it('reads the map of the manual', () => {
    const ranges = { 'tx-1': '0-8191', 'tx-2': '8192-16383' };
    const map = parseSlotRanges(ranges, 16_384);
    expect(map.shardOf(8191)).toBe('tx-1');
    expect(map.shardOf(8192)).toBe('tx-2');
    expect(formatSlotRanges(map)).toEqual(ranges);
  });

  it.each(['x', '1-', '-1', '1-2-3', '1..2', '0-3;4', '1,,2', '0x1', '1.5', '١', ','])(
    'refuses %j',
    (text) => {
      expect(problemsOf({ a: '0-9', b: text }, 10)).toContainEqual({
        path: 'b',
        message: expect.stringMatching(/is not a range of slots; write '0-8191'/),
      });
    },
  );

  it('finds everything at once', () => {
    const problems = problemsOf({ a: '0-3,2', b: '2-4,x,9-8', c: '7-20', d: '4-5' }, 12);
    expect(problems).toEqual([
      { path: 'a', message: "'a' already owns slot 2" },
      { path: 'b', message: "'a' already owns slots 2-3" },
      { path: 'b', message: expect.stringContaining("'x' is not a range") },
      { path: 'b', message: "'9-8' runs backwards; write '8-9'" },
      { path: 'c', message: "'7-20' goes beyond the last slot, 11" },
      { path: 'd', message: "'b' already owns slot 4" },
      { path: '', message: 'no shard owns slots 6-11' },
    ]);
  });

  it('knows which slot is the last', () => {
    expect(problemsOf({ a: '0-9' }, 10)).toEqual([]);
    expect(problemsOf({ a: '0-9,10' }, 10)).toEqual([
      { path: 'a', message: "'10' goes beyond the last slot, 9" },
    ]);
  });

  it('names each owner of a range that overlaps several', () => {
    expect(problemsOf({ a: '0-1', b: '2', c: '0-3' }, 4)).toEqual([
      { path: 'c', message: "'a' already owns slots 0-1" },
      { path: 'c', message: "'b' already owns slot 2" },
    ]);
  });

  it('refuses slots without an owner', () => {
    expect(problemsOf({ a: '0-3', b: '5,8-9' }, 10)).toEqual([
      { path: '', message: 'no shard owns slots 4,6-7' },
    ]);
  });

  it('refuses no shards, and more shards than slots', () => {
    expect(problemsOf({}, 4)).toHaveLength(1);
    expect(problemsOf({ a: '0', b: '1', c: '' }, 2)).toHaveLength(1);
  });

  it.each([0, -1, 1.5, 65_537, Number.NaN])('refuses a map of %d slots', (slots) => {
    expect(problemsOf({ a: '0' }, slots)).toEqual([
      { path: 'slots', message: expect.stringContaining('1 to 65536') },
    ]);
  });
});

describe('parseSlotRanges', () => {
  it('throws every problem', () => {
    expect(() => parseSlotRanges({ a: '0-3', b: '3-9,y' }, 10)).toThrow(
      expect.objectContaining({
        code: 'MERIDIAN_CONFIG',
        problems: [expect.anything(), expect.anything()],
      }),
    );
    expect(() => parseSlotRanges({}, 10)).toThrow(ConfigError);
  });
});
