import { defineTable } from 'meridian';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { Problem } from '../../../../src/errors/config-error.ts';
import type { Table } from '../../../../src/rows/schema/define-table.ts';
import { planTable } from '../../../../src/rows/schema/table-plan.ts';
import { createTopology } from '../../../../src/topology/create-topology.ts';

const topology = createTopology(
  {
    epoch: 1,
    regions: { eu: { code: 1, location: [50, 8], countries: ['DE'] } },
    shards: { 'eu-1': { region: 'eu', primary: 'mysql://app:secret@localhost/people' } },
    keyspaces: { people: { code: 1, strategy: 'geo', shards: ['eu-1'] } },
  },
  [],
);

const users = defineTable({
  name: 'users',
  keyspace: 'people',
  primaryKey: 'id',
  place: () => ({ region: 'eu' }),
  schema: z.object({ id: z.uuid() }),
});

const addresses = defineTable({
  name: 'addresses',
  group: users,
  ownerKey: 'user_id',
  primaryKey: 'id',
  schema: z.object({ id: z.uuid(), user_id: z.uuid() }),
});

function mistakesOf(table: Table): Problem[] {
  const problems: Problem[] = [];
  planTable('members', table, { topology, directory: undefined }, problems);
  return problems;
}

it('a member needs no place: it lives with its owner', () => {
  expect(mistakesOf(addresses)).toEqual([]);
});

it('the owner key holds what the owner is named by', () => {
  const wrong = defineTable({
    name: 'addresses',
    group: users,
    primaryKey: 'id',
    ownerKey: 'user_id',
    schema: z.object({ id: z.uuid(), user_id: z.string() }),
  });
  expect(mistakesOf(wrong)).toEqual([
    { path: 'tables.members.ownerKey', message: expect.stringContaining('uuid') },
  ]);
});

it('a member can not own members', () => {
  const nested = defineTable({
    name: 'rooms',
    group: addresses,
    ownerKey: 'address_id',
    primaryKey: 'id',
    schema: z.object({ id: z.uuid(), address_id: z.uuid() }),
  });
  expect(mistakesOf(nested)).toEqual([
    { path: 'tables.members.group', message: expect.stringContaining("name 'users'") },
  ]);
});
