import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../../src/errors/config-error.ts';
import { slotFingerprint } from '../../../src/sharding/slots/slot-fingerprint.ts';
import { parseSlotRanges } from '../../../src/sharding/slots/slot-ranges.ts';

const map = parseSlotRanges({ a: '0-4', b: '5-8', idle: '' }, 9);

describe('slotFingerprint', () => {
  it('stays what databases have recorded', () => {
    // The first 16 digits of `printf '9:0-4' | sha256sum`, '9:5-8' and '9:'.
    expect(slotFingerprint(map, 'a')).toBe('685e9e5f76a345ff');
    expect(slotFingerprint(map, 'b')).toBe('2af966af89759ac0');
    expect(slotFingerprint(map, 'idle')).toBe('52764858f68a2c0d');
  });

  it('depends on the slots alone, not on how they were written or who else there is', () => {
    const other = parseSlotRanges({ renamed: '4,0-2,3', c: '5-7', d: '8' }, 9);
    expect(slotFingerprint(other, 'renamed')).toBe(slotFingerprint(map, 'a'));
  });

  it('changes with every slot that comes or goes, and with the size of the map', () => {
    const prints = [
      slotFingerprint(map, 'a'),
      slotFingerprint(parseSlotRanges({ a: '0-5', b: '6-8' }, 9), 'a'),
      slotFingerprint(parseSlotRanges({ a: '0-3', b: '4-8' }, 9), 'a'),
      slotFingerprint(parseSlotRanges({ a: '1-5', b: '0,6-8' }, 9), 'a'),
      slotFingerprint(parseSlotRanges({ a: '0-4', b: '5-9' }, 10), 'a'),
    ];
    expect(new Set(prints).size).toBe(prints.length);
  });

  it('refuses a shard that the map does not have', () => {
    expect(() => slotFingerprint(map, 'z')).toThrow(ConfigError);
    expect(() => slotFingerprint(map, 'constructor')).toThrow(ConfigError);
  });
});
