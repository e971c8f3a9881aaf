import fc from 'fast-check';
import { MergeError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { type MergeSource, mergeRows, type OrderBy } from '../../../src/distributed/merge.ts';
import {
  compareDigits,
  type OrderedColumn,
  valueOrder,
} from '../../../src/distributed/value-order.ts';

type Row = Readonly<Record<string, unknown>>;

const column = (name: string, fields: Partial<OrderedColumn>): OrderedColumn => ({
  name,
  type: 3,
  flags: 0,
  charset: 63,
  decimals: 0,
  ...fields,
});

// The protocol's types: LONG, LONGLONG, NEWDECIMAL, DATETIME, VAR_STRING.
const columns = [
  column('small', { type: 3 }),
  column('big', { type: 8 }),
  column('price', { type: 246, decimals: 2 }),
  column('at', { type: 12, decimals: 3 }),
  column('text', { type: 253, flags: 128, charset: 46 }),
  column('bytes', { type: 253, flags: 128, charset: 63 }),
];
const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { freq: 8 });
const row = fc.record({
  small: orNull(fc.integer({ min: -3, max: 3 })),
  big: orNull(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  price: orNull(fc.integer({ min: -500, max: 500 }).map((cents) => (cents / 100).toFixed(2))),
  at: orNull(fc.date({ noInvalidDate: true })),
  text: orNull(
    fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\u{10000}', '\uffee', ' '), maxLength: 4 }),
  ),
  bytes: orNull(fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes))),
});
const orderBy = fc.uniqueArray(
  fc.tuple(fc.constantFrom(...columns.map(({ name }) => name)), fc.constantFrom('asc', 'desc')),
  { minLength: 1, maxLength: 3, selector: ([name]) => name },
) as fc.Arbitrary<OrderBy>;

function comparator(order: OrderBy): (a: Row, b: Row) => number {
  const terms = order.map(([name, direction]) => {
    const found = columns.find((one) => one.name === name);
    if (found === undefined) throw new TypeError('every column is listed');
    return { name, compare: valueOrder(found), sign: direction === 'desc' ? -1 : 1 };
  });
  return (a, b) => {
    for (const { name, compare, sign } of terms) {
      const result = compare(a[name], b[name]);
      if (result !== 0) return result * sign;
    }
    return 0;
  };
}

function sources(parts: readonly (readonly Row[])[]): MergeSource[] {
  return parts.map((rows, index) => ({
    shard: `tx-${index}`,
    columns: () => columns,
    rows: (async function* () {
      yield* rows;
    })(),
  }));
}

async function collect(rows: AsyncGenerator<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const one of rows) all.push(one);
  return all;
}

describe('merging the sorted rows of shards', () => {
  it('is sorting all rows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(row, { maxLength: 8 }), { maxLength: 4 }),
        orderBy,
        async (parts, order) => {
          const compare = comparator(order);
          const sorted = parts.map((rows) => rows.toSorted(compare));
          const merged = await collect(mergeRows(sources(sorted), order));
          expect(merged).toHaveLength(parts.flat().length);
          expect(new Set(merged)).toEqual(new Set(parts.flat()));
          for (const [index, one] of merged.entries()) {
            const next = merged[index + 1];
            if (next !== undefined) expect(compare(one, next)).toBeLessThanOrEqual(0);
          }
        },
      ),
    );
  });

  it('refuses rows that do not come in this order', async () => {
    const rows = [{ small: 2 }, { small: 1 }];
    await expect(collect(mergeRows(sources([rows]), [['small', 'asc']]))).rejects.toThrow(
      MergeError,
    );
    await expect(collect(mergeRows(sources([rows]), [['small', 'desc']]))).resolves.toEqual(rows);
    await expect(collect(mergeRows(sources([rows]), [['nope', 'asc']]))).rejects.toThrow(
      MergeError,
    );
  });

  it('without an order keeps the parts one after the other', async () => {
    const parts = [[{ small: 2 }], [], [{ small: 3 }, { small: 1 }]];
    await expect(collect(mergeRows(sources(parts), undefined))).resolves.toEqual(parts.flat());
  });
});

describe('the order of values', () => {
  it('of decimal texts is that of the numbers', () => {
    const digits = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    fc.assert(
      fc.property(digits, digits, fc.nat({ max: 9 }), fc.nat({ max: 9 }), (a, b, x, y) => {
        const order = (left: bigint, right: bigint) => (left === right ? 0 : left < right ? -1 : 1);
        const scaled = (whole: bigint, tenth: number) =>
          whole * 10n + BigInt(whole < 0n ? -tenth : tenth);
        expect(compareDigits(String(a), String(b))).toBe(order(a, b));
        expect(compareDigits(`${a}.${x}`, `${b}.${y}0`)).toBe(order(scaled(a, x), scaled(b, y)));
      }),
    );
    expect(compareDigits('-0.00', '0')).toBe(0);
    expect(compareDigits('-0.01', '0.01')).toBe(-1);
  });

  it('of text is that of code points, also beyond the first plane', () => {
    const order = valueOrder(columns[4] ?? column('text', {}));
    expect(order('\uffee', '\u{10000}')).toBeLessThan(0);
    expect(order('a', 'ab')).toBeLessThan(0);
    expect(order(null, '')).toBeLessThan(0);
    expect(order(null, null)).toBe(0);
    expect(() => order('a', 'a\t')).toThrow(MergeError);
  });

  it('is refused where it can not be reproduced', () => {
    for (const odd of [
      column('ci', { type: 253, charset: 46 }),
      column('enum', { type: 254, flags: 128 | 256 }),
      column('set', { type: 254, flags: 128 | 2048 }),
      column('micro', { type: 12, decimals: 6 }),
      column('json', { type: 245 }),
      column('time', { type: 11 }),
      column('geometry', { type: 255 }),
    ]) {
      expect(() => valueOrder(odd), odd.name).toThrow(MergeError);
    }
  });
});
