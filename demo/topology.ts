import type { TopologyDocument } from 'meridian';
import type { LocalCluster } from 'meridian/testing';

export const peopleShards = ['eu-1', 'eu-2', 'us-1', 'us-2', 'ap-1', 'ap-2'] as const;
export const ledgerShards = ['tx-1', 'tx-2', 'tx-3', 'tx-4'] as const;
export const shardNames = [...peopleShards, ...ledgerShards] as const;

export type ShardName = (typeof shardNames)[number];
export type Cluster = LocalCluster<ShardName>;

/**
 * Three regions. Countries that none of them lists (Russia, China, Africa, …) are placed by their
 * residents' coordinates: the nearest region takes them.
 */
export const regions = {
  eu: {
    code: 1,
    location: [50.11, 8.68],
    countries: countries(
      'AD AL AT BA BE BG BY CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS SE SI SK SM UA VA',
    ),
  },
  us: { code: 2, location: [39.04, -77.49], countries: countries('AR BO BR CA CL CO MX PE US UY') },
  ap: {
    code: 3,
    location: [1.35, 103.82],
    countries: countries('AU BD HK ID IN JP KH KR LA LK MM MY NP NZ PH SG TH TW VN'),
  },
} satisfies TopologyDocument['regions'];

const ledgerHomes = { 'tx-1': 'eu', 'tx-2': 'us', 'tx-3': 'ap', 'tx-4': 'eu' } as const;

/** Users are placed by geography over six shards, transactions by hash over four. */
export function topologyOf({ shards }: Cluster): TopologyDocument {
  const region = (name: ShardName) =>
    name in ledgerHomes ? ledgerHomes[name as keyof typeof ledgerHomes] : name.slice(0, 2);
  return {
    epoch: 1,
    regions,
    shards: Object.fromEntries(
      shardNames.map((name) => [name, { region: region(name), primary: shards[name].primary.url }]),
    ),
    keyspaces: {
      people: { code: 1, strategy: 'geo', shards: [...peopleShards] },
      ledger: { code: 2, strategy: 'hash', shards: [...ledgerShards] },
    },
  };
}

function countries(codes: string): string[] {
  return codes.split(' ');
}
