/** The shards of the standard cluster: two for `people`, two for `ledger`. */
export const shardNames = ['eu-1', 'us-1', 'tx-1', 'tx-2'] as const;
export type ShardName = (typeof shardNames)[number];

/** The database of the application on every shard. */
export const database = 'app';

/** Where a server answers the application and its administrator. */
export interface ServerAddress {
  readonly url: string;
  readonly adminUrl: string;
}

/** What a test file may know of servers that other files use after it. */
export interface SharedServers {
  readonly shards: Readonly<
    Record<
      ShardName,
      { readonly primary: ServerAddress; readonly replicas: readonly ServerAddress[] }
    >
  >;
  readonly redis: { readonly url: string };
}
