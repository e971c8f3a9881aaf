import { defineTable, type Place } from 'meridian';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { placeColumns } from '../../../../src/rows/schema/place-columns.ts';

const schema = z.object({
  id: z.uuid(),
  country: z.string(),
  born: z.string(),
  region: z.string().nullable(),
  address: z.object({ country: z.string() }),
});
type User = z.output<typeof schema>;

const row: User = {
  id: '0192aaaa-aaaa-7aaa-8104-00aaaaaaaaaa',
  country: 'DE',
  born: 'DE',
  region: null,
  address: { country: 'DE' },
};

const columnsFor = (place: (user: Readonly<User>) => Place, to: Place) =>
  placeColumns(
    defineTable({ name: 'users', keyspace: 'people', primaryKey: 'id', place, schema }),
    row,
    to,
  );

it('a column that place() hands on follows the new place', () => {
  expect(columnsFor(({ country }) => ({ country }), { country: 'US' })).toEqual({ country: 'US' });
});

it('of two columns with the same value only the one that place() looks at', () => {
  expect(columnsFor(({ born }) => ({ country: born }), { country: 'US' })).toEqual({ born: 'US' });
});

it('nothing is guessed: what place() derives stays as it is', () => {
  expect(columnsFor(({ address }) => ({ country: address.country }), { country: 'US' })).toEqual(
    {},
  );
  expect(
    columnsFor(({ country }) => ({ country: country === 'DE' ? 'DE' : 'FR' }), { country: 'US' }),
  ).toEqual({});
});

it('nor is anything changed that is right already, or that the new place does not name', () => {
  expect(columnsFor(({ country }) => ({ country }), { country: 'DE' })).toEqual({});
  expect(columnsFor(({ country }) => ({ country }), { region: 'us' })).toEqual({});
});
