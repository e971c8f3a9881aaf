import { ConfigError } from 'meridian';
import { expect, it } from 'vitest';
import { endpointOrder } from '../../../src/routing/endpoint-order.ts';
import type { Endpoint, Shard } from '../../../src/topology/topology.ts';

const endpoint = (name: string) => ({ name }) as Endpoint;
const primary = endpoint('primary');
const [one, two] = [endpoint('one'), endpoint('two')];
const shard = { primary, replicas: [one, two] } as unknown as Shard;
const alone = { primary, replicas: [] } as unknown as Shard;

it('replicas take turns, and the primary stands in for them', () => {
  expect(endpointOrder(shard, 'primary', 1)).toEqual([primary]);
  expect(endpointOrder(shard, 'replica', 0)).toEqual([one, two, primary]);
  expect(endpointOrder(shard, 'replica', 1)).toEqual([two, one, primary]);
  expect(endpointOrder(alone, 'replica', 1)).toEqual([primary]);
});

it.each(['Primary', 'REPLICA', 'session', 'strong', ''])(
  'there is no consistency "%s", with replicas or without',
  (consistency) => {
    for (const one of [shard, alone]) {
      expect(() => endpointOrder(one, consistency as 'primary', 0)).toThrow(ConfigError);
    }
  },
);
