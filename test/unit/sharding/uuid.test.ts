import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { uuidFromBytes, uuidToBytes } from '../../../src/sharding/ids/uuid.ts';

const text = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';
const hex = '017f22e279b07cc398c4dc0c0c07398f';

describe('uuidToBytes', () => {
  it('gives the 16 bytes in the order of the digits', () => {
    expect(uuidToBytes(text).toString('hex')).toBe(hex);
    expect(uuidToBytes(text.toUpperCase()).toString('hex')).toBe(hex);
  });

  it('gives each caller bytes of its own', () => {
    const first = uuidToBytes(text);
    uuidToBytes('00000000-0000-0000-0000-000000000000');
    expect(first.toString('hex')).toBe(hex);
  });

  it.each([
    ['no hyphens', hex],
    ['braces', `{${text}}`],
    ['a URN', `urn:uuid:${text}`],
    ['a digit missing', text.slice(1)],
    ['a digit too many', `${text}0`],
    ['white space', ` ${text.slice(1)}`],
    ['a hyphen out of place', '017f22e-279b0-7cc3-98c4-dc0c0c07398f'],
    ['five hyphens', '01-f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['a digit that is none', '017f22e2-79b0-7cc3-98c4-dc0c0c07398g'],
    ['a full-width digit', '０17f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['nothing', ''],
  ])('refuses %s', (_, wrong) => {
    expect(() => uuidToBytes(wrong)).toThrow(RoutingError);
  });

  it('refuses a wrong digit at every place', () => {
    for (let at = 0; at < text.length; at++) {
      const wrong = `${text.slice(0, at)}x${text.slice(at + 1)}`;
      expect(() => uuidToBytes(wrong)).toThrow(RoutingError);
    }
  });
});

describe('uuidFromBytes', () => {
  it('writes lower case, 8-4-4-4-12', () => {
    expect(uuidFromBytes(Buffer.from(hex, 'hex'))).toBe(text);
    expect(uuidFromBytes(new Uint8Array(16))).toBe('00000000-0000-0000-0000-000000000000');
  });

  it.each([0, 15, 17, 36])('refuses %d bytes', (length) => {
    expect(() => uuidFromBytes(new Uint8Array(length))).toThrow(RoutingError);
  });

  it.each([
    ['text', '0123456789abcdef'],
    ['numbers', Array<number>(16).fill(0)],
    ['nothing', null],
  ])('refuses %s from callers without types', (_, value) => {
    expect(() => Reflect.apply(uuidFromBytes, undefined, [value])).toThrow(RoutingError);
    expect(() => Reflect.apply(uuidToBytes, undefined, [[value]])).toThrow(RoutingError);
  });
});
