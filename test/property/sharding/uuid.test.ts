import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isUuid, uuidFromBytes, uuidToBytes } from '../../../src/sharding/ids/uuid.ts';

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe('a UUID', () => {
  it('survives the way from bytes to text and back', () => {
    fc.assert(
      fc.property(bytes16, (bytes) => {
        const text = uuidFromBytes(bytes);
        expect(text.replaceAll('-', '')).toBe(Buffer.from(bytes).toString('hex'));
        expect(Uint8Array.from(uuidToBytes(text))).toEqual(bytes);
        expect(uuidToBytes(text.toUpperCase())).toEqual(uuidToBytes(text));
      }),
    );
  });

  it('sorts the same as text and as bytes', () => {
    fc.assert(
      fc.property(bytes16, bytes16, (a, b) => {
        const [x, y] = [uuidFromBytes(a), uuidFromBytes(b)];
        expect(Math.sign(Buffer.compare(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });

  it('is told from other text as the pattern of RFC 9562 tells it', () => {
    const pattern = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
    const altered = fc
      .tuple(fc.uuid(), fc.nat({ max: 35 }), fc.string({ unit: 'binary', maxLength: 2 }))
      .map(([uuid, at, piece]) => uuid.slice(0, at) + piece + uuid.slice(at + 1));
    fc.assert(
      fc.property(fc.oneof(fc.uuid(), altered, fc.string()), (text) => {
        expect(isUuid(text)).toBe(pattern.test(text));
      }),
      { numRuns: 3000 },
    );
  });
});
