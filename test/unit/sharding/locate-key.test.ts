import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { newId } from '../../../src/sharding/ids/id.ts';
import { uuidToBytes } from '../../../src/sharding/ids/uuid.ts';
import { hashSlotFor } from '../../../src/sharding/locate-key.ts';
import { slotOf } from '../../../src/sharding/slots/hash-strategy.ts';

describe('hashSlotFor', () => {
  it('takes the slot that an id of the keyspace names', () => {
    for (const slot of [0, 1, 8191, 16_383]) {
      const id = newId(2, slot);
      expect(hashSlotFor(id, 2)).toBe(slot);
      expect(hashSlotFor(id.toUpperCase(), 2)).toBe(slot);
      expect(hashSlotFor(uuidToBytes(id), 2)).toBe(slot);
    }
  });

  it.each([
    ['text', 'user:42'],
    ['an integer', 42],
    ['a bigint', 42n],
    ['bytes', Buffer.from('42')],
    ['a random UUID', '6ba7b810-9dad-41d1-80b4-00c04fd430c8'],
    ['an id of another keyspace', newId(3, 5)],
    ['a UUIDv7 whose locator names no slot', newId(2, 16_384)],
  ])('hashes %s', (_, key) => {
    expect(hashSlotFor(key, 2)).toBe(slotOf(key));
  });

  it('refuses what cannot be a key', () => {
    expect(() => hashSlotFor(Number.NaN, 2)).toThrow(RoutingError);
  });
});
