import { describe, expect, it } from 'vitest';
import type { ColumnShape } from '../../../../src/mysql/schema/table-shape.ts';
import {
  CodecFailure,
  columnCodec,
  type StoredAs,
} from '../../../../src/rows/schema/column-codec.ts';

const shape = (dataType: string, columnType = dataType, length?: number): ColumnShape => ({
  name: 'x',
  dataType,
  columnType,
  nullable: false,
  collation: undefined,
  length,
  fraction: 3,
  generated: false,
  hasDefault: false,
  autoIncrement: false,
});
const id = '018F3C5E-1111-7222-8333-444455556666';
const decimal = shape('decimal', 'decimal(10,2)');

const text = (dataType: string, length: number, collation = 'utf8mb4_bin'): ColumnShape => ({
  ...shape(dataType, `${dataType}(${length})`, length),
  collation,
});

describe('a column codec', () => {
  it.each<[StoredAs, ColumnShape, value: unknown, stored: unknown, read: unknown]>([
    ['uuid', shape('char'), id, id.toLowerCase(), id.toLowerCase()],
    ['string', shape('varchar'), 'a ', 'a ', 'a '],
    ['string', text('varchar', 3), '😀😀 ', '😀😀 ', '😀😀 '],
    ['string', text('tinytext', 6, 'latin1_bin'), 'üüüü ', 'üüüü ', 'üüüü '],
    ['integer', shape('bigint'), -42, -42, -42],
    ['bigint', shape('bigint'), 2n ** 63n, 2n ** 63n, 2n ** 63n],
    ['boolean', shape('tinyint'), true, 1, true],
    ['json', shape('json'), { a: [1, null] }, '{"a":[1,null]}', { a: [1, null] }],
    ['decimal', decimal, '1.5', '1.50', '1.50'],
    ['decimal', decimal, '0001.00', '1.00', '1.00'],
    ['decimal', decimal, '-0.00', '0.00', '0.00'],
    ['decimal', decimal, '-3', '-3.00', '-3.00'],
    ['decimal', shape('decimal', 'decimal(10,0)'), '7.000', '7', '7'],
    ['date-text', shape('date'), '2024-02-29', '2024-02-29', '2024-02-29'],
  ])('%s in %o stores %o', (storedAs, column, value, stored, read) => {
    const codec = columnCodec(storedAs, column);
    expect(codec.encode(value)).toEqual(stored);
    expect(codec.decode(stored)).toEqual(read);
  });

  it.each<[StoredAs, ColumnShape, value: unknown]>([
    ['uuid', shape('char'), 'not-a-uuid'],
    ['uuid-binary', shape('binary', 'binary(16)', 16), id.slice(1)],
    ['string', shape('char'), 'dropped '],
    ...['abc  ', 'abc\n', 'abc\t', '😀😀😀 ', 'abc \r'].map(
      (value): [StoredAs, ColumnShape, string] => ['string', text('varchar', 3), value],
    ),
    ['string', text('char', 3), 'abc\n'],
    ['string', text('tinytext', 6), 'üüü '],
    ['string', text('tinytext', 6, 'latin1_bin'), 'üüüüüü '],
    ['string', text('tinytext', 6, 'gb18030_bin'), 'üü '],
    ['string', shape('varchar'), '\udc00'],
    ['string', shape('varchar'), 42],
    ['integer', shape('bigint'), 2 ** 53],
    ['integer', shape('bigint'), 1.5],
    ['number', shape('double'), Number.NaN],
    ['number', shape('double'), Number.POSITIVE_INFINITY],
    ['bigint', shape('bigint'), 42],
    ['bigint', shape('bigint'), 2n ** 64n],
    ['boolean', shape('tinyint'), 1],
    ['date', shape('datetime'), new Date(Number.NaN)],
    ['date', shape('datetime'), new Date('+010000-01-01')],
    ['date', shape('datetime'), '2024-01-01'],
    ['json', shape('json'), undefined],
    ['decimal', decimal, '1.005'],
    ['decimal', decimal, '1e2'],
    ['decimal', decimal, ' 1'],
    ['decimal', decimal, '.5'],
    ['decimal', decimal, ''],
    ['bytes', shape('binary', 'binary(4)', 4), Buffer.alloc(3)],
    ['bytes', shape('blob'), 'text'],
  ])('%s in %o refuses %o, and does not quote it', (storedAs, column, value) => {
    const { encode } = columnCodec(storedAs, column);
    expect(() => encode(value)).toThrow(CodecFailure);
    const text = String(value);
    if (text.length > 4) expect(() => encode(value)).not.toThrow(text);
  });

  it.each<[StoredAs, ColumnShape, raw: unknown]>([
    ['integer', shape('bigint'), '9007199254740993'],
    ['boolean', shape('tinyint'), 2],
    ['date', shape('datetime'), new Date(Number.NaN)],
    ['uuid-binary', shape('binary'), Buffer.alloc(15)],
    ['number', shape('double'), '1.5'],
  ])('%s in %o refuses to read %o', (storedAs, column, raw) => {
    expect(() => columnCodec(storedAs, column).decode(raw)).toThrow(CodecFailure);
  });
});
