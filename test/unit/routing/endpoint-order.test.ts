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

it('replicas in the region of the process come first, each group in turns', () => {
  const at = (name: string, region: string) => ({ name, region }) as Endpoint;
  const [a, b, c, d] = [at('a', 'us'), at('b', 'eu'), at('c', 'eu'), at('d', 'us')];
  const mixed = { primary, replicas: [a, b, c, d] } as unknown as Shard;
  expect(endpointOrder(mixed, 'replica', 0, 'eu')).toEqual([b, c, a, d, primary]);
  expect(endpointOrder(mixed, 'replica', 1, 'eu')).toEqual([c, b, d, a, primary]);
  expect(endpointOrder(mixed, 'replica', 1, 'ap')).toEqual([b, c, d, a, primary]);
  expect(endpointOrder(mixed, 'primary', 1, 'eu')).toEqual([primary]);
});

it.each(['Primary', 'REPLICA', 'session', 'strong', ''])(
  'there is no consistency "%s", with replicas or without',
  (consistency) => {
    for (const one of [shard, alone]) {
      expect(() => endpointOrder(one, consistency as 'primary', 0)).toThrow(ConfigError);
    }
  },
);
