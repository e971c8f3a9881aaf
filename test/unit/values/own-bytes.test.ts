import { expect, it } from 'vitest';
import { heldCopy } from '../../../src/cache/memory/own-copy.ts';
import { packValue, unpackValue } from '../../../src/values/pack-value.ts';

it('bytes that a cache keeps hold no page of memory that they share with others', () => {
  const given = Buffer.from('abc');
  const ways = { copied: heldCopy(given).value, unpacked: unpackValue(packValue(given)) };
  for (const [way, kept] of Object.entries(ways)) {
    expect(kept, way).toEqual(given);
    expect(Buffer.isBuffer(kept) && kept.buffer.byteLength, way).toBe(3);
  }
});
