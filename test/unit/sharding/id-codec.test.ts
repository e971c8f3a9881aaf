import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { newId } from '../../../src/sharding/ids/id.ts';
import { decodeId, idLocator } from '../../../src/sharding/ids/id-codec.ts';
import { uuidToBytes } from '../../../src/sharding/ids/uuid.ts';

// RFC 9562, appendix A.6: 2022-02-22 19:22:22 UTC.
const example = '017f22e2-79b0-7cc3-98c4-dc0c0c07398f';

const notIds = [
  ['version 4', '017f22e2-79b0-4cc3-98c4-dc0c0c07398f'],
  ['version 8', '017f22e2-79b0-8cc3-98c4-dc0c0c07398f'],
  ['variant 0', '017f22e2-79b0-7cc3-18c4-dc0c0c07398f'],
  ['variant 110', '017f22e2-79b0-7cc3-d8c4-dc0c0c07398f'],
  ['the nil UUID', '00000000-0000-0000-0000-000000000000'],
  ['a digit that is none, at the front', 'x17f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
  ['a digit that is none, at the end', '017f22e2-79b0-7cc3-98c4-dc0c0c07398x'],
  ['a missing digit', example.slice(1)],
  ['braces', `{${example}}`],
  ['other text', 'user:42'],
  ['no text', ''],
] as const;

describe('decodeId', () => {
  it('reads the example of RFC 9562', () => {
    expect(decodeId(example)).toEqual({
      timeMs: Date.UTC(2022, 1, 22, 19, 22, 22),
      keyspaceCode: 0x18,
      locator: 0xc4dc,
    });
    expect(decodeId(example.toUpperCase())).toEqual(decodeId(example));
  });

  it.each(notIds)('refuses %s', (_, text) => {
    expect(() => decodeId(text)).toThrow(RoutingError);
  });
});

describe('idLocator', () => {
  const id = newId(7, 12_345);

  it('reads an id of the keyspace, in either letter case and as bytes', () => {
    expect(idLocator(id, 7)).toBe(12_345);
    expect(idLocator(id.toUpperCase(), 7)).toBe(12_345);
    expect(idLocator(uuidToBytes(id), 7)).toBe(12_345);
    expect(idLocator(Uint8Array.from(uuidToBytes(id)), 7)).toBe(12_345);
  });

  it('reads every keyspace code and both ends of the locator', () => {
    for (let code = 0; code < 64; code++) {
      expect(idLocator(newId(code, 0), code)).toBe(0);
      expect(idLocator(newId(code, 0xffff), code)).toBe(0xffff);
      expect(idLocator(newId(code, 9), (code + 1) & 63)).toBeUndefined();
    }
  });

  it.each(notIds)('knows that %s is no id', (_, text) => {
    for (let code = 0; code < 64; code++) expect(idLocator(text, code)).toBeUndefined();
  });

  it.each([
    ['bytes of another version', uuidToBytes('017f22e2-79b0-4cc3-98c4-dc0c0c07398f')],
    ['fewer bytes', uuidToBytes(example).subarray(0, 15)],
    ['more bytes', Buffer.concat([uuidToBytes(example), Buffer.of(0)])],
    ['no bytes', new Uint8Array()],
    ['a number', 42],
    ['a bigint', 42n],
    ['null', null],
    ['undefined', undefined],
    ['an object', { id: example }],
  ])('knows that %s is no id', (_, value) => {
    for (let code = 0; code < 64; code++) expect(idLocator(value, code)).toBeUndefined();
  });
});
