import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { murmur3 } from '../../../src/sharding/murmur3.ts';
import { geoSlotOf } from '../../../src/sharding/places/geo-strategy.ts';
import { keyBytes, type ShardKey } from '../../../src/sharding/shard-key.ts';
import { slotOf } from '../../../src/sharding/slots/hash-strategy.ts';
import frozen from '../../vectors/shard-keys.json' with { type: 'json' };

function keyOf({ type, value }: { type: string; value: string }): ShardKey {
  switch (type) {
    case 'string':
      return value;
    case 'integer':
      return Number(value);
    case 'bigint':
      return BigInt(value);
    case 'bytes':
      return Uint8Array.from(Buffer.from(value, 'hex'));
    default:
      throw new Error(`unknown type of key: ${type}`);
  }
}

describe('the frozen vectors', () => {
  it('are many', () => {
    expect(frozen.vectors.length).toBeGreaterThan(60);
  });

  it.each(frozen.vectors)('$key.type $murmur3', ({ key, bytes, ...places }) => {
    const shardKey = keyOf(key);
    expect(Buffer.from(keyBytes(shardKey)).toString('hex')).toBe(bytes);
    expect({
      murmur3: murmur3(shardKey),
      slot: slotOf(shardKey),
      geoSlot: geoSlotOf(shardKey),
    }).toEqual(places);
  });
});

describe('murmur3', () => {
  // From the verification tables that implementations of MurmurHash3_x86_32 share.
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('agrees with the published value of %j, seed %i', (key, seed, hash) => {
    expect(murmur3(key, seed)).toBe(hash);
  });

  it('gives equal keys one hash, however they are written', () => {
    expect(murmur3(42)).toBe(murmur3('42'));
    expect(murmur3(42n)).toBe(murmur3('42'));
    expect(murmur3(Buffer.from('42'))).toBe(murmur3('42'));
    expect(murmur3('6BA7B810-9DAD-11D1-80B4-00C04FD430C8')).toBe(
      murmur3('6ba7b810-9dad-11d1-80b4-00c04fd430c8'),
    );
  });

  it('keeps capitals apart where they are not those of a UUID', () => {
    const text = 'GBA7B810-9DAD-11D1-80B4-00C04FD430C8';
    expect(murmur3(text)).not.toBe(murmur3(text.toLowerCase()));
  });

  it('reads a part of a larger buffer, and only that part', () => {
    const whole = Buffer.from('..user:42..');
    expect(murmur3(whole.subarray(2, 9))).toBe(murmur3('user:42'));
  });

  it('refuses what canonicalKey refuses', () => {
    expect(() => murmur3('\ud83d')).toThrow(RoutingError);
    expect(() => murmur3(`${'x'.repeat(2000)}\ud83d`)).toThrow(RoutingError);
    expect(() => murmur3(0.5)).toThrow(RoutingError);
  });
});
