import { afterAll, beforeAll, expect, it } from 'vitest';
import { RefusedOptions } from '../../support/judges/refusal.ts';

let refused: RefusedOptions;

beforeAll(async () => {
  refused = await RefusedOptions.listen();
});

afterAll(() => refused.close());

const half = '8192-16383';

/** What is changed in the topology, what to, where the problem is, and what it says. */
const mistakes: [at: string, to: unknown, path: string, message: RegExp][] = [
  ['shards/eu-1/region', 'ue', 'shards.eu-1.region', /unknown region 'ue'/],
  ['shards/tx-1/weight', 0, 'shards.tx-1.weight', /over 0/],
  ['shards/tx-1/weight', -1, 'shards.tx-1.weight', /over 0/],
  ['shards/tx-1/primry', 'x', 'shards.tx-1', /did you mean 'primary'/],
  ['shards/tx-1/primary', 'hunter2', 'shards.tx-1.primary', /is not a URL/],
  ['shards/tx-1/primary', 'mysql://a:100%zz@h/db', 'shards.tx-1.primary', /percent/],
  ['shards/tx-1/primary', 'mysql://a:hunter2@h/', 'shards.tx-1.primary', /name of one database/],
  ['shards/tx-1/primary', 'http://a:hunter2@h/db', 'shards.tx-1.primary', /protocol/],
  ['shards/tx-1/primary', 'mysql://h/db', 'shards.tx-1.primary', /no user/],
  [
    'shards/tx-1/primary',
    'mysql://a:hunter2@h/db?ssl=1',
    'shards.tx-1.primary',
    /unknown parameter; only 'tls'/,
  ],
  ['shards/tx-1/primary', 'mysql://a:$' + '{NOT_SET_1}@h/db', 'shards.tx-1.primary', /NOT_SET_1/],
  ['shards/tx-1/replicas', ['nope'], 'shards.tx-1.replicas.0', /is not a URL/],
  ['shards/tx-1/replicas', [{ url: 'hunter2' }], 'shards.tx-1.replicas.0.url', /is not a URL/],
  ['shards/tx-1/replicas', [{ ulr: 'x' }], 'shards.tx-1.replicas.0', /did you mean 'url'/],
  ['shards/tx-1/replicas', [42], 'shards.tx-1.replicas.0', /expected object/],
  [
    'shards/tx-1/replicas',
    [{ url: 'mysql://a:b@h/db?tls=off', region: 'ue' }],
    'shards.tx-1.replicas.0.region',
    /unknown region 'ue'/,
  ],
  ['keyspaces/ledger/shards', ['tx-1', 'tx-2', 'eu-1'], 'keyspaces.', /already in keyspace/],
  ['keyspaces/ledger/shards', ['tx-1', 'tx-2', 'tx-1'], 'keyspaces.ledger', /listed twice/],
  ['keyspaces/ledger/shards', ['tx-1'], 'shards.tx-2', /in no keyspace/],
  ['keyspaces/ledger/shards', ['tx-1', 'tx-3'], 'keyspaces.ledger.shards', /unknown shard 'tx-3'/],
  ['keyspaces/ledger/shards', [], 'keyspaces.ledger.shards', /at least one/],
  ['keyspaces/ledger/code', 1, 'keyspaces.ledger.code', /already taken by 'people'/],
  ['keyspaces/ledger/code', 64, 'keyspaces.ledger.code', /./],
  ['keyspaces/ledger/slots', { 'tx-1': '0-9000', 'tx-2': half }, 'keyspaces.ledger.slots', /./],
  ['keyspaces/ledger/slots', { 'tx-1': '0-8000', 'tx-2': half }, 'keyspaces.ledger.slots', /./],
  [
    'keyspaces/ledger/slots',
    { 'tx-1': '0-8191', 'tx-9': half },
    'keyspaces.ledger.slots.tx-9',
    /./,
  ],
  ['keyspaces/people/slots', { 'eu-1': '0-1023' }, 'keyspaces.people.slots', /./],
  ['regions/ap', { code: 3, location: [1, 2] }, 'regions.ap', /has no shards/],
  ['regions/us/code', 1, 'regions.us.code', /already taken by 'eu'/],
  ['regions/us/countries', ['DE'], 'regions.us.countries', /already served/],
  ['regions/us/countries', ['us'], 'regions.us.countries.0', /ISO 3166.*mean 'US'/],
  ['regions/us/countries', ['US', 'UK'], 'regions.us.countries.1', /'UK' is no.*mean 'GB'/],
  ['regions/us/countries', ['XX'], 'regions.us.countries.0', /'XX' is no country/],
  ['regions/us/countries', ['constructor'], 'regions.us.countries.0', /is no country/],
  ['unlistedCountries', 'closest', 'unlistedCountries', /"nearest"/],
  ['regions/us/location', [91, 0], 'regions.us.location', /./],
  ['regions/us/residency', 'strickt', 'regions.us.residency', /./],
  ['regions/us/allow', ['eu'], 'regions.us.allow', /means nothing beside residency 'open'/],
  ['regions/us/allow', ['ue'], 'regions.us.allow', /unknown region 'ue'/],
  ['epoch', 0, 'epoch', /./],
  ['epcoh', 1, '', /did you mean 'epoch'/],
];

it.each(mistakes)('%s can not be %j', async (at, to, path, message) => {
  const { problems } = await refused.refusal(refused.spoilt({ [`topology/${at}`]: to }));
  const found = problems.filter((problem) => problem.path.startsWith(path));
  expect(found.map((problem) => problem.message).join(), JSON.stringify(problems)).toMatch(message);
});

it('only one region can be the default', async () => {
  const options = refused.spoilt({
    'topology/regions/eu/default': true,
    'topology/regions/us/default': true,
  });
  expect((await refused.refusal(options)).message).toMatch(/only one region can be the default/);
});

it('one database can not be two shards', async () => {
  const options = refused.spoilt({ 'topology/shards/tx-1/primary': refused.url('tx2') });
  expect((await refused.refusal(options)).message).toMatch(/shards\.tx-2\.primary: is the same/);
});

it.each([null, 42, [], 'nowhere/topology.json', {}])('%j is no topology', async (topology) => {
  await refused.refusal(refused.spoilt({ topology }));
});
