import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { columnKind } from '../../../../src/rows/schema/column-kind.ts';

const plain = { nullable: false, optional: false };

describe('a zod type', () => {
  it.each<[string, z.ZodType, object]>([
    ['z.uuid()', z.uuid(), { kind: 'uuid' }],
    ['z.guid()', z.guid(), { kind: 'uuid' }],
    ['z.string()', z.string(), { kind: 'string' }],
    ['z.email()', z.email(), { kind: 'string' }],
    ['z.iso.date()', z.iso.date(), { kind: 'date-text' }],
    ['z.iso.datetime()', z.iso.datetime(), { kind: 'string' }],
    ['z.int()', z.int(), { kind: 'integer' }],
    ['z.number().int()', z.number().int(), { kind: 'integer' }],
    ['z.int32()', z.int32(), { kind: 'integer' }],
    ['z.number()', z.number(), { kind: 'number' }],
    ['z.bigint()', z.bigint(), { kind: 'bigint' }],
    ['z.boolean()', z.boolean(), { kind: 'boolean' }],
    ['z.date()', z.date(), { kind: 'date' }],
    ["z.enum(['a', 'b'])", z.enum(['a', 'b']), { kind: 'string', members: ['a', 'b'] }],
    ["z.literal('a')", z.literal('a'), { kind: 'string', members: ['a'] }],
    ['z.literal([1, 2])', z.literal([1, 2]), { kind: 'integer' }],
    ['z.literal(1n)', z.literal(1n), { kind: 'bigint' }],
    ['z.object()', z.object({ a: z.int() }), { kind: 'json' }],
    ['z.array()', z.array(z.string()), { kind: 'json' }],
    ['z.record()', z.record(z.string(), z.int()), { kind: 'json' }],
    ['z.tuple()', z.tuple([z.int()]), { kind: 'json' }],
    ['z.unknown()', z.unknown(), { kind: 'json', nullable: true }],
    ['z.union of one kind', z.union([z.literal('a'), z.string()]), { kind: 'string' }],
    ['z.union of several', z.union([z.string(), z.int()]), { kind: 'json' }],
    ['z.instanceof()', z.instanceof(Uint8Array), { kind: 'custom' }],
    ['nullable', z.int().nullable(), { kind: 'integer', nullable: true }],
    ['optional', z.int().optional(), { kind: 'integer', optional: true }],
    ['nullish', z.int().nullish(), { kind: 'integer', nullable: true, optional: true }],
    ['default', z.int().default(1), { kind: 'integer' }],
    ['readonly', z.int().readonly(), { kind: 'integer' }],
  ])('%s is understood', (_, type, kind) => {
    expect(columnKind(type)).toEqual({ ...plain, ...kind });
  });

  it.each<[string, z.ZodType, RegExp]>([
    ['a transform', z.string().transform(Number), /which no column holds/],
    ['a pipe', z.string().pipe(z.string()), /which no column holds/],
    ['a map', z.map(z.string(), z.string()), /which no column holds/],
    ['a set', z.set(z.string()), /which no column holds/],
    ['a symbol', z.symbol(), /which no column holds/],
    ['never', z.never(), /which no column holds/],
    ['a promise', z.promise(z.string()), /which no column holds/],
    ['null alone', z.null(), /which no column holds/],
    ['mixed literals', z.literal(['a', 1]), /mixes values/],
    ['a Date inside of JSON', z.object({ at: z.date() }), /'date', which JSON lacks/],
    ['a bigint inside of JSON', z.array(z.object({ n: z.bigint() })), /'bigint', which JSON lacks/],
    ['bytes inside of JSON', z.record(z.string(), z.instanceof(Uint8Array)), /'custom'/],
    ['a transform inside of JSON', z.tuple([z.string().transform(Number)]), /which JSON lacks/],
    ['a Date inside of a lazy type', z.lazy(() => z.object({ at: z.date() })), /which JSON lacks/],
  ])('%s is refused, with a reason', (_, type, reason) => {
    expect(columnKind(type)).toMatch(reason);
  });

  it('that contains itself is understood', () => {
    const tree: z.ZodType = z.object({ children: z.array(z.lazy(() => tree)) });
    expect(columnKind(tree)).toMatchObject({ kind: 'json' });
  });
});
