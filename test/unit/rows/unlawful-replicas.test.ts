import { expect, it } from 'vitest';
import type { Problem } from '../../../src/errors/config-error.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';

const url = (name: string) => `mysql://app:secret@${name}:3306/people?tls=off`;

function shardWith(residency: 'open' | 'strict', allow?: string[]) {
  const problems: Problem[] = [];
  const topology = createTopology(
    {
      epoch: 1,
      regions: {
        eu: { code: 1, location: [50, 8], countries: ['DE'], residency, ...(allow && { allow }) },
        uk: { code: 2, location: [51, 0] },
        us: { code: 3, location: [39, -77] },
      },
      shards: {
        'eu-1': {
          region: 'eu',
          primary: url('p'),
          replicas: [
            { url: url('us'), region: 'us' },
            url('plain'),
            { url: url('uk'), region: 'uk' },
            { url: url('own') },
          ],
        },
        'us-1': { region: 'us', primary: url('us-1') },
      },
      keyspaces: { people: { code: 1, strategy: 'geo', shards: ['eu-1', 'us-1'] } },
    },
    problems,
  );
  expect(problems).toEqual([]);
  const shard = topology?.shards.get('eu-1');
  const named = (endpoints: readonly { name: string; region: string }[] = []) =>
    endpoints.map(({ name, region }) => `${name} ${region}`);
  return {
    asked: named(shard?.replicas),
    left: named(shard?.unlawfulReplicas),
    paths: shard?.replicas.map(({ path }) => path),
  };
}

const abroad = ['eu-1/replica-1 us', 'eu-1/replica-3 uk'];
const home = ['eu-1/replica-2 eu', 'eu-1/replica-4 eu'];

it('replicas of a strict region are asked where they are lawful, and keep their names', () => {
  expect(shardWith('strict')).toEqual({
    asked: home,
    left: abroad,
    paths: ['shards.eu-1.replicas.1', 'shards.eu-1.replicas.3'],
  });
  const { asked, left } = shardWith('strict', ['uk']);
  expect(left).toEqual(abroad.slice(0, 1));
  expect(asked).toEqual([home[0], abroad[1], home[1]]);
});

it('replicas of an open region are asked wherever they are', () => {
  expect(shardWith('open').left).toEqual([]);
  expect(shardWith('open').asked).toHaveLength(4);
});
