import type { Endpoint } from '../../src/topology/topology.ts';

/** An endpoint of a topology, on this machine. */
export function endpointAt(name: string, port: number): Endpoint {
  const [shard = '', own = ''] = name.split('/');
  return {
    name,
    path: `shards.${shard}.${own}`,
    shard,
    role: own === 'primary' ? 'primary' : 'replica',
    region: 'eu',
    address: { host: '127.0.0.1', port, user: 'app', password: 'pw', database: shard, tls: 'off' },
  };
}

/** An endpoint of shard `one` that no test connects to: `primary` or `replica-1`. */
export function endpointOf(role: string): Endpoint {
  return { ...endpointAt(`one/${role}`, 1), name: role };
}
