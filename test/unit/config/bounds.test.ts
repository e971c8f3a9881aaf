import { ConfigError, createDataLayer } from 'meridian';
import { expect, it } from 'vitest';
import { readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { substituteEnvironment } from '../../../src/config/environment.ts';
import { isGtidSet, mergeGtids } from '../../../src/rows/sessions/gtid-set.ts';
import { growsInProportion } from '../../support/judges/growth.ts';

const shard = (text: string) => ({ region: 'eu', primary: `mysql://app:pw@${text}/d?tls=off` });

/** A document that is right, with other sections. */
function options(changes: Record<string, unknown>): unknown {
  return {
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 8], countries: ['DE'] } },
      shards: { 'tx-1': shard('a'), 'tx-2': shard('b') },
      keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['tx-1', 'tx-2'] } },
      ...changes,
    },
    tables: {},
    redis: false,
    logger: false,
  };
}

async function refusal(changes: Record<string, unknown>): Promise<ConfigError> {
  const given = options(changes) as Parameters<typeof createDataLayer>[0];
  const error = await createDataLayer(given).then(
    () => new Error('it started'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConfigError)) throw error;
  return error;
}

it('Z12: 200,000 slot ranges are a ConfigError', async () => {
  const ranges = Array.from({ length: 200_000 }, (_, index) => `${index % 16_384}`).join(',');
  const slots = { 'tx-1': ranges, 'tx-2': '0-16383' };
  const { message } = await refusal({
    keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['tx-1', 'tx-2'], slots } },
  });
  expect(message).toMatch(/slots\.tx-1: lists 200000 ranges/);
});

it('Z12: many ranges that overlap are told and not all of them read', async () => {
  const overlapping = Array(16_000).fill('0-16383').join(',');
  const slots = { 'tx-1': overlapping, 'tx-2': 'x'.repeat(1_000_000) };
  const { message } = await refusal({
    keyspaces: { ledger: { code: 1, strategy: 'hash', shards: ['tx-1', 'tx-2'], slots } },
  });
  expect(message).toMatch(/ranges are left/);
  expect(message.length).toBeLessThan(10_000);
});

/** As many wrong names among as many right ones. */
function misspelt(count: number): Promise<ConfigError> {
  const shards = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`transactions-${index}`, shard(`h${index}`)]),
  );
  const wrong = Array.from({ length: count }, (_, index) => `transactoins-${index}`);
  return refusal({
    shards,
    keyspaces: { ledger: { code: 1, strategy: 'hash', shards: wrong } },
  });
}

it('Z1: wrong names among right ones are told in time proportional to them', async () => {
  await growsInProportion(misspelt, 500);
}, 60_000);

it('Z1: 3,000 wrong names are told in a message of bounded length', async () => {
  const { message } = await misspelt(3_000);
  expect(message.length).toBeLessThan(100_000);
  expect(message).toMatch(/did you mean 'transactions-0'/);
  expect(message).toMatch(/… and \d+ more/);
});

it('Z1: unknown keys are counted, not all listed', async () => {
  const junk = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`junk${index}`, 1]));
  const { message } = await refusal({ ...junk, ['k'.repeat(100_000)]: 1 });
  expect(message.length).toBeLessThan(10_000);
  expect(message).toMatch(/4991 more unknown keys/);
});

it('Z1: a set of GTIDs is merged in time proportional to it', async () => {
  const merged = (count: number) => {
    const intervals = Array.from({ length: count }, (_, index) => `${index * 3 + 1}`).join(':');
    const set = `3e11fa47-71ca-11e1-9e33-c80aa9429562:${intervals}`;
    expect(isGtidSet(set)).toBe(true);
    return mergeGtids(set, set);
  };
  expect(merged(20_000)?.length).toBeLessThan(200);
  await growsInProportion(merged, 20_000);
}, 60_000);

it.each([
  ['mysql://app:s3cret@h/d#tls=verify', /#/],
  ['mysql://app:s3cret@h/d#', /#/],
  ['mysql://app:pw@h/d?tls=off&tls=verify', /twice/],
  ['mysql://app:pw@h/d?tls=s3cret', /unknown tls mode/],
  ['mysql://app:pw@h/d?s3cret=1', /unknown parameter/],
  ['mysql://app:12?s3cret@h/d', /behind its host/],
  ['mysql://app:12/s3cret@h/d', /behind its host/],
  ['mysql://app:s3cret/x@h/d', /behind its host/],
  ['mysql://app:a#s3cret@h/d', /#/],
  ['s3cret://app:pw@h/d', /another protocol/],
])('Z8: %s is refused, and no part of it quoted', (url, reason) => {
  const read = readEndpointUrl(url);
  expect(read).toMatch(reason);
  expect(read).not.toContain('s3cret');
});

it.each(['h/other?tls=off#', 'evil@h', 'h?x', 'h\\x'])(
  'Z8: a variable in the place of a host that holds %s is unfit',
  (host) => {
    const template = 'mysql://app:pw@$' + '{HOST}/d?tls=verify';
    expect(substituteEnvironment(template, { HOST: host }).unfit).toEqual(['HOST']);
    expect(substituteEnvironment(template, { HOST: '[::1]:3306' }).unfit).toEqual([]);
    expect(substituteEnvironment('$' + '{URL}', { URL: 'mysql://a:b@c/d' }).unfit).toEqual([]);
  },
);

it('more shards than there are slots are refused by their number', async () => {
  const shardsOf = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`s-${index}`, shard(`h${index}`)]),
    );
  expect((await refusal({ shards: shardsOf(20_000) })).problems).toEqual([
    { path: 'shards', message: 'are 20000, and a document may have 16384' },
  ]);
  const many = shardsOf(1_025);
  const keyspaces = { people: { code: 1, strategy: 'geo', shards: Object.keys(many) } };
  expect((await refusal({ shards: many, keyspaces })).problems).toContainEqual({
    path: 'keyspaces.people.shards',
    message: 'are 1025, and there are 1024 slots to share',
  });
});
