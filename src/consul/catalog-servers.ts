import { isIPv6 } from 'node:net';
import type { CatalogInstance } from '../config/consul-catalog.ts';

/** A database server that Consul's checks call well. */
export interface CatalogServer {
  /** Of the instance, for messages. */
  readonly id: string;
  /** `host:port`. */
  readonly at: string;
  /** Of a replica, where it is another than its shard's. */
  readonly region: string | undefined;
}

export interface ShardServers {
  readonly primaries: readonly CatalogServer[];
  /** In an order that is always the same. */
  readonly replicas: readonly CatalogServer[];
}

/** The servers of each shard. An instance that names no shard, role or sound address is left out. */
export function serversOf(instances: readonly CatalogInstance[]): Map<string, ShardServers> {
  const found = new Map<string, { primaries: CatalogServer[]; replicas: CatalogServer[] }>();
  for (const { Node, Service } of instances) {
    const host = Service.Address || Node.Address;
    const { shard, region } = Service.Meta ?? {};
    const tags = Service.Tags ?? [];
    const role = roles.find((one) => tags.includes(one));
    if (shard === undefined || role === undefined || !isSound(host)) continue;
    const servers = found.get(shard) ?? { primaries: [], replicas: [] };
    found.set(shard, servers);
    const at = `${host.includes(':') ? `[${host}]` : host}:${Service.Port}`;
    const others = role === 'primary' ? servers.primaries : servers.replicas;
    // One server that two instances stand for is one.
    if (!others.some((other) => other.at === at)) others.push({ id: Service.ID, at, region });
  }
  for (const { replicas } of found.values()) replicas.sort((a, b) => (a.at < b.at ? -1 : 1));
  return found;
}

/** One that is tagged as both is the primary. */
const roles = ['primary', 'replica'] as const;

/** A name or an address, with neither a port nor a zone. */
function isSound(host: string): boolean {
  return /^[\w.-]{1,253}$/.test(host) || (isIPv6(host) && !host.includes('%'));
}

const urlParts = /^([a-z]+:\/\/[^@/]*@)([^/?#@]*)(\/.*)$/i;

/**
 * A URL of the document with another host and port: user, password (still `${NAME}`), database and tls stay. Undefined
 * where its host can't be told from the rest, because all of it is one `${NAME}`.
 */
export function movedTo(url: string, at: string): string | undefined {
  const [, before, , behind] = urlParts.exec(url) ?? [];
  return before === undefined ? undefined : `${before}${at}${behind}`;
}

/** Whether a URL leads to `host:port`. */
export function leadsTo(url: string, at: string): boolean {
  const host = urlParts.exec(url)?.[2];
  return host === at || `${host}:3306` === at;
}
