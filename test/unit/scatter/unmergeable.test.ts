import { MergeError } from 'meridian';
import { expect, it } from 'vitest';
import { mergeRows } from '../../../src/scatter/merge.ts';
import { valueOrder } from '../../../src/scatter/value-order.ts';

const time = (type: number) => ({ name: 'at', type, flags: 0, charset: 63, decimals: 3 });
const zero = new Date(Number.NaN);

it.each([7, 10, 12])('a date that does not exist has no order, type %i', (type) => {
  const order = valueOrder(time(type));
  expect(() => order(zero, new Date(0))).toThrow(MergeError);
  expect(() => order(new Date(0), zero)).toThrow(MergeError);
  expect(() => order(zero, zero)).toThrow(/'at' holds a date that does not exist/);
  expect(order(null, new Date(0))).toBeLessThan(0);
});

async function merged(parts: readonly (readonly Date[])[]): Promise<unknown[]> {
  const sources = parts.map((dates, index) => ({
    shard: `shard-${index}`,
    rows: (async function* () {
      for (const at of dates) yield { at };
    })(),
    columns: () => [time(12)],
  }));
  const rows: unknown[] = [];
  for await (const { at } of mergeRows(sources, [{ name: 'at', sign: 1 }])) rows.push(at);
  return rows;
}

it('shards whose rows hold such a date are not merged into a wrong order', async () => {
  const [first, second, third] = [new Date(1), new Date(2), new Date(3)];
  expect(await merged([[first, third], [second]])).toEqual([first, second, third]);
  await expect(
    merged([
      [first, third],
      [zero, second],
    ]),
  ).rejects.toThrow(MergeError);
  await expect(merged([[zero, third], [second]])).rejects.toThrow(MergeError);
});
