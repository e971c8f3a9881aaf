import { expect, it } from 'vitest';
import type { Problem } from '../../../src/errors/config-error.ts';
import {
  explainNearest,
  nearestEndpoints,
  nearestShards,
} from '../../../src/routing/nearest-shards.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';

const url = (shard: string) => `mysql://app:hunter2@${shard}.example/db?tls=off`;
const shard = (region: string, name: string) => [
  name,
  { region, primary: url(name), replicas: [url(`${name}-replica`)] },
];
const problems: Problem[] = [];
const topology = createTopology(
  {
    epoch: 3,
    regions: {
      frankfurt: { code: 1, location: [50, 8] },
      virginia: { code: 2, location: [39, -77] },
      // Far by degrees, near by great circle: the antimeridian lies between them.
      fiji: { code: 3, location: [-18, 178] },
      samoa: { code: 4, location: [-14, -171] },
    },
    shards: Object.fromEntries([
      shard('samoa', 'a-samoa'),
      shard('virginia', 'b-virginia'),
      shard('frankfurt', 'd-frankfurt'),
      shard('frankfurt', 'c-frankfurt'),
      shard('fiji', 'e-fiji'),
    ]),
    keyspaces: {
      all: {
        code: 1,
        strategy: 'hash',
        shards: ['a-samoa', 'b-virginia', 'd-frankfurt', 'c-frankfurt', 'e-fiji'],
      },
    },
  },
  problems,
);
if (topology === undefined) throw new Error(JSON.stringify(problems));

const names = (region: string | undefined, turn = 0) =>
  nearestShards(topology, region, turn).map(({ name }) => name);

it('the own region comes first, then the others by great circle', () => {
  expect(names('frankfurt')).toEqual([
    'c-frankfurt',
    'd-frankfurt',
    'b-virginia',
    'a-samoa',
    'e-fiji',
  ]);
  expect(names('fiji').slice(0, 2)).toEqual(['e-fiji', 'a-samoa']);
});

it('processes of one region begin at different shards of it, and at no other', () => {
  expect(names('frankfurt', 0.5).slice(0, 2)).toEqual(['d-frankfurt', 'c-frankfurt']);
  expect(names('frankfurt', 0.999).slice(0, 2)).toEqual(['d-frankfurt', 'c-frankfurt']);
});

it('without a region every shard is as near as another', () => {
  expect(names(undefined)).toEqual(names(undefined).toSorted());
  expect(names(undefined, 0.6)[0]).toBe('d-frankfurt');
  expect(names(undefined, 0.6)).toHaveLength(5);
});

it("a replica is asked before its shard's primary, and that before the next shard", () => {
  const shards = nearestShards(topology, 'fiji', 0);
  const asked = (consistency: 'primary' | 'replica') =>
    nearestEndpoints(shards, consistency, 0, 'fiji').map(({ name }) => name);
  expect(asked('replica').slice(0, 3)).toEqual([
    'e-fiji/replica-1',
    'e-fiji/primary',
    'a-samoa/replica-1',
  ]);
  expect(asked('primary').slice(0, 2)).toEqual(['e-fiji/primary', 'a-samoa/primary']);
});

it('the explanation says why, and tells no password', () => {
  const explaining = { topology: { source: 'a test' }, executor: { whyNot: () => undefined } };
  const explain = (region: string | undefined) => {
    const shards = nearestShards(topology, region, 0);
    return explainNearest('currencies', shards, region, topology, explaining);
  };
  expect(explain('fiji')).toMatchObject({ shard: 'e-fiji', region: 'fiji', epoch: 3 });
  expect(explain('fiji').because).toContain("process's own region fiji");
  expect(explain(undefined).because).toContain('names no region');
  expect(JSON.stringify(explain('fiji'))).not.toContain('hunter2');
});
