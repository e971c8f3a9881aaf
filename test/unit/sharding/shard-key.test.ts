import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { canonicalKey, keyBytes } from '../../../src/sharding/shard-key.ts';

// What a caller without types may pass.
const canonical: (key: unknown) => unknown = canonicalKey as (key: unknown) => unknown;

describe('canonicalKey', () => {
  it.each([
    ['text', 'user:Ada', 'user:Ada'],
    ['an empty string', '', ''],
    ['an integer', 42, '42'],
    ['a bigint', 42n, '42'],
    ['a negative integer', -7, '-7'],
    ['minus zero', -0, '0'],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, '9007199254740991'],
    ['a bigint beyond it', 9007199254740993n, '9007199254740993'],
    [
      'a UUID in capitals',
      '6BA7B810-9DAD-11D1-80B4-00C04FD430C8',
      '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    ],
    [
      'capitals that only look like a UUID',
      'GBA7B810-9DAD-11D1-80B4-00C04FD430C8',
      'GBA7B810-9DAD-11D1-80B4-00C04FD430C8',
    ],
    [
      'a UUID without hyphens',
      '6BA7B8109DAD11D180B400C04FD430C8',
      '6BA7B8109DAD11D180B400C04FD430C8',
    ],
    ['a whole surrogate pair', '🙂', '🙂'],
  ])('keeps %s in its one form', (_, key, form) => {
    expect(canonicalKey(key)).toBe(form);
  });

  it('keeps bytes as they are', () => {
    const bytes = Uint8Array.of(0, 255, 128);
    expect(canonicalKey(bytes)).toBe(bytes);
    expect(keyBytes(bytes)).toBe(bytes);
  });

  it('knows the bytes of another realm', () => {
    const bytes: unknown = runInNewContext('Uint8Array.of(1, 2)');
    expect(bytes instanceof Uint8Array).toBe(false);
    expect(canonical(bytes)).toBe(bytes);
  });

  it.each([
    ['NaN', Number.NaN],
    ['a fraction', 1.5],
    ['infinity', Number.POSITIVE_INFINITY],
    ['an unsafe integer', 2 ** 53],
    ['a negative unsafe integer', -(2 ** 53)],
    ['null', null],
    ['undefined', undefined],
    ['a boolean', true],
    ['a symbol', Symbol('key')],
    ['a date', new Date(0)],
    ['an array', [1]],
    ['an object', { id: 1 }],
    ['other typed arrays', Uint16Array.of(1)],
    ['half a surrogate pair', 'a\ud83d'],
    ['the other half', '\ude00a'],
    ['halves the wrong way round', '\ude00\ud83d'],
  ])('refuses %s', (_, key) => {
    expect(() => canonical(key)).toThrow(RoutingError);
  });

  it('says what to pass and never the key', () => {
    expect(() => canonicalKey(2 ** 53)).toThrow(/Pass a bigint or a string/);
    expect(() => canonicalKey(1234.5)).toThrow(/^(?!.*1234).*Pass an integer/);
    expect(() => canonicalKey('secret\ud83d')).toThrow(/^(?!.*secret).*surrogate/);
    expect(() => canonical(null)).toThrow(/not null\. Pass the value of the shard key column/);
  });
});

describe('keyBytes', () => {
  it('is the UTF-8 of the canonical form', () => {
    expect(Buffer.from(keyBytes('é')).toString('hex')).toBe('c3a9');
    expect(keyBytes(42n)).toEqual(keyBytes('42'));
  });
});
