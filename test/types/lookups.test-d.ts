import { type DataLayer, defineTable } from 'meridian';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import type { tables } from '../support/tables.ts';

const schema = z.object({
  id: z.uuid(),
  country: z.string(),
  phone: z.string().nullable(),
  serial: z.bigint(),
});
const people = defineTable({
  name: 'people',
  keyspace: 'people',
  primaryKey: 'id',
  place: (person) => ({ country: person.country }),
  schema,
  lookups: {
    phone: { unique: true, normalize: (phone) => phone.replaceAll(' ', '') },
    serial: { unique: true, personal: false },
  },
});

declare const data: DataLayer<typeof tables & { readonly people: typeof people }>;

describe('a table with lookups', () => {
  test('is asked by them, with values of their columns', () => {
    const row = data.people.by('phone', '+49').get();
    expectTypeOf(row).resolves.toEqualTypeOf<Readonly<z.output<typeof schema>> | null>();
    data.people.by('serial', 1n).get({ consistency: 'primary' });
    // @ts-expect-error country is no lookup
    data.people.by('country', 'DE');
    // @ts-expect-error there is no column 'fone'
    data.people.by('fone', '+49');
    // @ts-expect-error a phone is text
    data.people.by('phone', 49);
    // @ts-expect-error null is no value
    data.people.by('phone', null);
  });

  test('is backfilled by them', () => {
    data.people.backfill('phone');
    // @ts-expect-error country is no lookup
    data.people.backfill('country');
  });
});

test('a table without lookups can not be asked by any', () => {
  // @ts-expect-error the table declares no lookups
  data.users.by('name', 'Ada');
  // @ts-expect-error the table declares no lookups
  data.users.backfill('name');
});

test('lookups are columns, and unique', () => {
  const base = { name: 'people', keyspace: 'ledger', primaryKey: 'id', schema } as const;
  // @ts-expect-error there is no column 'fone'
  defineTable({ ...base, lookups: { fone: { unique: true } } });
  // @ts-expect-error a lookup is unique
  defineTable({ ...base, lookups: { phone: { unique: false } } });
  // @ts-expect-error normalize gives text
  defineTable({ ...base, lookups: { serial: { unique: true, normalize: (serial) => serial } } });
});
