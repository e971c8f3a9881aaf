import fc from 'fast-check';
import { MergeError } from 'meridian';
import { describe, expect, it } from 'vitest';
import {
  type MergeOrder,
  type MergeSource,
  mergeRows,
  type OrderBy,
} from '../../../src/scatter/merge.ts';
import { compareWeights, readTextRule } from '../../../src/scatter/text-order.ts';
import { compareDigits, type OrderedColumn, valueOrder } from '../../../src/scatter/value-order.ts';

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
/** The weight of a text under utf8mb4_bin: three bytes a character. */
const weightOf = (text: string) =>
  Buffer.concat(
    [...text].map((character) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(character.codePointAt(0) ?? 0);
      return bytes.subarray(1);
    }),
  );
const rule = '0 1024 utf8mb4_bin 000020';
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

const terms = (order: OrderBy): MergeOrder =>
  order.map(([name, direction]) => ({
    name,
    sign: direction === 'desc' ? -1 : 1,
    ...(name === 'text' && { weight: 'weight', rule: 'rule' }),
  }));

/** What the server selects beside the rows. */
const weighed = (one: Row): Row => ({
  ...one,
  weight: typeof one.text === 'string' ? weightOf(one.text) : null,
  rule,
});

/** By code points, the shorter one padded with spaces. */
function byPaddedText(a: unknown, b: unknown): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null);
  const [left, right] = [String(a), String(b)].map((text) => [...text]);
  const length = Math.max(left?.length ?? 0, right?.length ?? 0);
  for (let index = 0; index < length; index++) {
    const [x, y] = [left, right].map((text) => text?.[index]?.codePointAt(0) ?? 0x20);
    if (x !== y) return (x ?? 0) - (y ?? 0);
  }
  return 0;
}

function comparator(order: OrderBy): (a: Row, b: Row) => number {
  const columnsOf = order.map(([name, direction]) => {
    const found = columns.find((one) => one.name === name);
    if (found === undefined) throw new TypeError('every column is listed');
    return {
      name,
      compare: name === 'text' ? byPaddedText : valueOrder(found),
      sign: direction === 'desc' ? -1 : 1,
    };
  });
  return (a, b) => {
    for (const { name, compare, sign } of columnsOf) {
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
          const sent = sorted.map((rows) => rows.map(weighed));
          const merged = await collect(mergeRows(sources(sent), terms(order)));
          expect(merged).toHaveLength(parts.flat().length);
          expect(new Set(merged)).toEqual(new Set(sent.flat()));
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
    await expect(collect(mergeRows(sources([rows]), terms([['small', 'asc']])))).rejects.toThrow(
      MergeError,
    );
    await expect(collect(mergeRows(sources([rows]), terms([['small', 'desc']])))).resolves.toEqual(
      rows,
    );
    await expect(collect(mergeRows(sources([rows]), terms([['nope', 'asc']])))).rejects.toThrow(
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

  it('S1: of text is that of its weights, padded as its collation says', () => {
    const compare = (a: string, b: string, told = rule) =>
      compareWeights(weightOf(a), weightOf(b), readTextRule(told, 'text'), 'text');
    expect(compare('\uffee', '\u{10000}')).toBeLessThan(0);
    expect(compare('a', 'ab')).toBeLessThan(0);
    expect(compare('a', 'a  ')).toBe(0);
    expect(compare('a', 'a\t')).toBeGreaterThan(0);
    const noPadding = '0 1024 utf8mb4_nopad_bin 000020';
    expect(compare('a', 'a ', noPadding)).toBeLessThan(0);
    expect(compare('a', 'a\t', noPadding)).toBeLessThan(0);
  });

  it('A17: of text that weights do not tell is refused', () => {
    for (const told of [
      '1 1024 latin1_swedish_ci 20',
      '0 1024 utf8mb4_thai_520_w2 0209',
      '0 1024 utf8mb4_uca1400_icelandic_nopad_ai_cs 02090002',
      '0 1024 latin7_general_ci 30',
    ]) {
      expect(() => readTextRule(told, 'text'), told).toThrow(MergeError);
    }
    expect(() => readTextRule('0 1024 latin7_general_nopad_ci 30', 'text')).not.toThrow();
    const short = readTextRule('0 64 utf8mb4_bin 000020', 'text');
    const compare = (a: string, b: string) =>
      compareWeights(weightOf(a), weightOf(b), short, 'text');
    expect(compare(`a${'x'.repeat(30)}`, `b${'x'.repeat(30)}`)).toBeLessThan(0);
    expect(compare('x'.repeat(30), 'x'.repeat(30))).toBe(0);
    expect(() => compare(`${'x'.repeat(30)}a`, `${'x'.repeat(30)}b`)).toThrow(/max_sort_length/);
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
