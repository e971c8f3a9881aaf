import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decoderOf } from '../../../../src/rows/reads/result-codec.ts';

const read = (value: unknown, type: z.ZodType) =>
  decoderOf({ schema: z.object({ value: type }) })({ value }).value;

describe('a value of a raw query under a schema', () => {
  it.each([
    [1, true],
    [0, false],
    // What the driver makes of a BIGINT, which EXISTS, 1 = 1 and TRUE are to MySQL.
    ['1', true],
    ['0', false],
  ])('is a boolean: %j', (raw, value) => {
    expect(read(raw, z.boolean())).toBe(value);
  });

  it.each([2, '2', '', '01', '1.0', 'true', Buffer.from('1')])('is no boolean: %j', (raw) => {
    expect(() => read(raw, z.boolean())).toThrow('boolean');
  });

  it.each(['9007199254740993', '[1e999]', '{"a":[0.12345678901234567890]}'])(
    'is JSON that would be rounded: %s',
    (raw) => {
      expect(() => read(raw, z.unknown())).toThrow('more digits');
    },
  );
});
