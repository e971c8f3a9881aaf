import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { slotMapOf } from '../../../src/sharding/slots/slot-map.ts';

describe('a slot map', () => {
  const map = slotMapOf(['b', 'idle', 'a'], ['a', 'b', 'b']);

  it('knows the shard of each slot', () => {
    expect([0, 1, 2].map((slot) => map.shardOf(slot))).toEqual(['a', 'b', 'b']);
  });

  it('lists all shards, sorted, and counts their slots', () => {
    expect(map.slots).toBe(3);
    expect(map.shards).toEqual(['a', 'b', 'idle']);
    expect(map.counts()).toEqual({ a: 1, b: 2, idle: 0 });
  });

  it.each([-1, 3, 0.5, Number.NaN])('refuses slot %d', (slot) => {
    expect(() => map.shardOf(slot)).toThrow(RoutingError);
  });

  it('cannot be changed', () => {
    const owners = ['a', 'b'];
    const copied = slotMapOf(['a', 'b'], owners);
    owners[0] = 'b';
    copied.counts().a = 7;
    expect(copied.shardOf(0)).toBe('a');
    expect(copied.counts()).toEqual({ a: 1, b: 1 });
    expect(Object.isFrozen(copied) && Object.isFrozen(copied.shards)).toBe(true);
  });

  it('is not confused by a shard with the name of a built-in', () => {
    const odd = slotMapOf(['__proto__', 'constructor'], ['__proto__', 'constructor']);
    expect(Object.entries(odd.counts())).toEqual([
      ['__proto__', 1],
      ['constructor', 1],
    ]);
  });
});
