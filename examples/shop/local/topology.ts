import type { TopologyDocument } from 'meridian';
import type { LocalCluster } from 'meridian/testing';

const keyspaces = { people: ['eu-1', 'jp-1'], ledger: ['tx-1', 'tx-2'] } as const;

export const shardNames = [...keyspaces.people, ...keyspaces.ledger] as const;
export type ShardName = (typeof shardNames)[number];
export const regionNames = ['eu', 'jp'] as const;

export function shardsOf(keyspace: string): readonly ShardName[] {
  return keyspace === 'people' ? keyspaces.people : keyspaces.ledger;
}

/** Two regions; users live in theirs, the ledger is spread over both by account owner. */
export function topologyOf({ shards }: LocalCluster<ShardName>): TopologyDocument {
  const homes = { 'eu-1': 'eu', 'jp-1': 'jp', 'tx-1': 'eu', 'tx-2': 'jp' };
  return {
    epoch: 1,
    regions: {
      eu: { code: 1, location: [50.1, 8.7], countries: ['DE', 'FR', 'IT'] },
      jp: { code: 2, location: [35.7, 139.7], countries: ['JP', 'KR'] },
    },
    unlistedCountries: 'nearest',
    shards: Object.fromEntries(
      shardNames.map((name) => [name, { region: homes[name], primary: shards[name].primary.url }]),
    ),
    keyspaces: {
      people: { code: 1, strategy: 'geo', shards: [...keyspaces.people] },
      ledger: { code: 2, strategy: 'hash', shards: [...keyspaces.ledger] },
    },
  };
}
