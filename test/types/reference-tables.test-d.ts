import {
  type DataLayer,
  defineTable,
  type ReferenceExplanation,
  type ReferenceTable,
  type ReferenceWriteResult,
} from 'meridian';
import { describe, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { tables } from '../support/tables.ts';

const schema = z.object({ code: z.string(), digits: z.int().default(2), name: z.string() });
const base = { name: 'currencies', reference: true, primaryKey: 'code', schema } as const;
const currencies = defineTable(base);
const all = { ...tables, currencies };

declare const data: DataLayer<typeof all>;

describe('a reference table', () => {
  test('knows its key', () => {
    expectTypeOf(currencies).toEqualTypeOf<ReferenceTable<'currencies', typeof schema, 'code'>>();
    defineTable({ ...base, columns: { name: 'json' }, cache: { ttlMs: 1 } });
  });

  test('has no keyspace, place or shard key, and no unknown columns', () => {
    // @ts-expect-error it is on every shard
    defineTable({ ...base, keyspace: 'people' });
    // @ts-expect-error it is in every region
    defineTable({ ...base, place: () => ({ country: 'DE' }) });
    // @ts-expect-error nothing places its rows
    defineTable({ ...base, shardKey: 'name' });
    // @ts-expect-error there is no column 'kode'
    defineTable({ ...base, primaryKey: 'kode' });
    // @ts-expect-error there is no column 'nmae'
    defineTable({ ...base, columns: { nmae: 'json' } });
    // @ts-expect-error a table without a keyspace says that it is a reference table
    defineTable({ name: 'currencies', primaryKey: 'code', schema });
    // @ts-expect-error a reference table is one, or it is not
    defineTable({ ...base, reference: false });
  });
});

describe('its handle', () => {
  test('reads rows by key', () => {
    expectTypeOf(data.currencies.get('EUR')).resolves.toEqualTypeOf<Readonly<{
      code: string;
      digits: number;
      name: string;
    }> | null>();
    expectTypeOf(data.currencies.all({ limit: 1 })).resolves.items.toEqualTypeOf<
      Readonly<{ code: string; digits: number; name: string }>
    >();
    expectTypeOf(data.currencies.explain('EUR')).toEqualTypeOf<ReferenceExplanation>();
    // @ts-expect-error the key is text
    data.currencies.get(978);
    // @ts-expect-error the keys are text
    data.currencies.getMany([978]);
  });

  test('puts whole rows, which have a key', () => {
    expectTypeOf(
      data.currencies.put({ code: 'EUR', name: 'Euro' }),
    ).resolves.toEqualTypeOf<ReferenceWriteResult>();
    // @ts-expect-error the key is missing
    data.currencies.put({ name: 'Euro' });
    // @ts-expect-error there is no such column
    data.currencies.put({ code: 'EUR', name: 'Euro', sign: '€' });
    // @ts-expect-error the key is text
    data.currencies.delete(978);
  });

  test('has nothing that works on one shard', () => {
    // @ts-expect-error put() it
    data.currencies.insert({ code: 'EUR', name: 'Euro' });
    // @ts-expect-error put() it
    data.currencies.update('EUR', { name: 'Euro' });
    // @ts-expect-error no key is on one shard
    data.currencies.at('EUR');
    // @ts-expect-error the rows of all shards are the same
    data.currencies.everywhere.query('SELECT 1');
    // @ts-expect-error a table with a keyspace has no put()
    data.users.put({ country: 'DE', name: 'Ada' });
  });
});

test('raw changes and transactions do not offer it', () => {
  // @ts-expect-error changed on one shard, it would differ from the others
  data.users.at('id').execute('', [], { touches: { currencies: ['EUR'] } });
  data.users.at('id').execute('', [], { touches: { users: ['id'] } });
  data.users.at('id').transaction(async (trx) => {
    await trx.users.get('id');
    // @ts-expect-error a transaction is on one shard; query() joins it
    await trx.currencies.get('EUR');
  });
});
