import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdSource, newId } from '../../../src/sharding/ids/id.ts';
import { decodeId, idLocator } from '../../../src/sharding/ids/id-codec.ts';
import { uuidToBytes } from '../../../src/sharding/ids/uuid.ts';
import { hashSlotFor } from '../../../src/sharding/locate-key.ts';

const codes = fc.nat({ max: 63 });
const locators = fc.nat({ max: 0xffff });

describe('an id', () => {
  it('tells what it was made of', () => {
    const times = fc.nat({ max: 2 ** 48 - 1 });
    fc.assert(
      fc.property(times, codes, locators, (timeMs, keyspaceCode, locator) => {
        const id = createIdSource({ now: () => timeMs })(keyspaceCode, locator);
        expect(decodeId(id)).toEqual({ timeMs, keyspaceCode, locator });
        expect(decodeId(id.toUpperCase())).toEqual(decodeId(id));
        expect(idLocator(id, keyspaceCode)).toBe(locator);
        expect(idLocator(uuidToBytes(id), keyspaceCode)).toBe(locator);
      }),
    );
  });

  it('is an id for idLocator exactly when decodeId says so, of that keyspace', () => {
    const altered = fc
      .tuple(codes, locators, fc.nat({ max: 35 }), fc.string({ maxLength: 1 }))
      .map(([code, locator, at, piece]) => {
        const id = newId(code, locator);
        return id.slice(0, at) + piece + id.slice(at + 1);
      });
    fc.assert(
      fc.property(fc.oneof(altered, fc.uuid(), fc.string()), codes, (text, code) => {
        expect(idLocator(text, code)).toBe(decodedLocator(text, code));
      }),
      { numRuns: 3000 },
    );
  });

  it('names a slot that both its forms are routed to', () => {
    fc.assert(
      fc.property(codes, fc.nat({ max: 16_383 }), (code, slot) => {
        const id = newId(code, slot);
        expect(hashSlotFor(id, code)).toBe(slot);
        expect(hashSlotFor(uuidToBytes(id), code)).toBe(slot);
      }),
    );
  });

  it('is above all earlier ids of its source, whatever the clock does', () => {
    const steps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -5, max: 5 })), {
      minLength: 50,
      maxLength: 500,
    });
    fc.assert(
      fc.property(steps, (jumps) => {
        let now = 1_700_000_000_000;
        const next = createIdSource({ now: () => now });
        let last = '';
        for (const jump of jumps) {
          now += jump;
          const id = next(0, 0);
          expect(id > last).toBe(true);
          last = id;
        }
      }),
    );
  });
});

function decodedLocator(text: string, code: number): number | undefined {
  try {
    const { keyspaceCode, locator } = decodeId(text);
    return keyspaceCode === code ? locator : undefined;
  } catch {
    return undefined;
  }
}
