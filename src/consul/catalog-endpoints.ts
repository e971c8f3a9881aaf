import { readCatalog, readPlaced } from '../config/consul-catalog.ts';
import type { ReplicaDocument } from '../config/topology-document.ts';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import {
  type CatalogServer,
  leadsTo,
  movedTo,
  type ShardServers,
  serversOf,
} from './catalog-servers.ts';

/** A document whose servers are those of the catalog, and where the catalog could not be followed. */
export interface Composition {
  readonly document: unknown;
  readonly problems: readonly Problem[];
}

/** What the catalog said last of a shard. */
interface Known {
  /** The primary's URL in the document that it was put into: another one is an operator's word, and newer. */
  readonly url: string;
  readonly primary: string;
  readonly replicas: readonly (string | ReplicaDocument)[];
}

/**
 * Puts the servers that Consul calls well into a document. A health check is no failover: a shard with no primary that
 * is well, or two, keeps the one known last, as one of which nothing is in the catalog keeps all.
 */
export class CatalogEndpoints {
  readonly #name: string;
  #known = new Map<string, Known>();
  #revision = 0;
  #last: { readonly content: string; readonly document: unknown } | undefined;

  /** @param name of the catalog, for messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * The same document where nothing is new, else one of a larger `revision`, at least `index`.
   *
   * @param text what the catalog answers.
   * @throws {ConfigError} when that is no answer.
   */
  compose(given: unknown, text: string, index: number): Composition {
    const instances = readCatalog(text);
    if (instances === undefined) {
      throw new ConfigError('Bad catalog', [
        { path: this.#name, message: 'is no list of instances' },
      ]);
    }
    const document = readPlaced(given);
    if (document === undefined) return { document: given, problems: [] };
    const found = serversOf(instances);
    const problems: Problem[] = [];
    const known = new Map<string, Known>();
    const shards = Object.entries(document.shards).map(([name, shard]) => {
      const before = this.#known.get(name);
      const was = before?.url === shard.primary ? before : undefined;
      const report = (message: string) => problems.push({ path: `shards.${name}`, message });
      const is = place(shard, found.get(name), was, document.regions, report);
      if (is !== undefined) known.set(name, is);
      const { primary, replicas } = is ?? shard;
      return [name, { ...shard, primary, ...(replicas !== undefined && { replicas }) }] as const;
    });
    this.#known = known;
    const composed = { ...document, shards: Object.fromEntries(shards) };
    return { document: this.#revised(composed, index), problems };
  }

  #revised(composed: { readonly revision: number }, index: number): unknown {
    const content = JSON.stringify(composed);
    if (this.#last?.content === content) return this.#last.document;
    this.#revision = Math.max(this.#revision + 1, index, composed.revision);
    const document = { ...composed, revision: this.#revision };
    this.#last = { content, document };
    return document;
  }
}

/** The servers of one shard from here on; undefined where the document's own stay. */
function place(
  { primary: url }: { readonly primary: string },
  found: ShardServers | undefined,
  was: Known | undefined,
  regions: Readonly<Record<string, unknown>>,
  report: (message: string) => void,
): Known | undefined {
  if (found === undefined) {
    if (was !== undefined) report('has no server that is well; those known last stay');
    return was;
  }
  if (movedTo(url, '') === undefined) {
    report(
      'has a primary in the document whose host can not be replaced; write all of the URL, with variables for its parts',
    );
    return undefined;
  }
  const [only, ...more] = found.primaries;
  const primary = more.length === 0 && only !== undefined ? movedTo(url, only.at) : was?.primary;
  if (more.length > 0) {
    const ids = found.primaries.map(({ id }) => `'${id}'`).join(' and ');
    report(
      `has ${found.primaries.length} primaries that are well, ${ids}; the one known last stays`,
    );
  } else if (only === undefined) {
    report('has no primary that is well; the one known last stays');
  }
  const stays = primary ?? url;
  return { url, primary: stays, replicas: replicasOf(found.replicas, stays, regions, report) };
}

function replicasOf(
  servers: readonly CatalogServer[],
  primary: string,
  regions: Readonly<Record<string, unknown>>,
  report: (message: string) => void,
) {
  // A primary that was made a replica, before another one was made the primary, is not both.
  return servers.flatMap(({ id, at, region }): (string | ReplicaDocument)[] => {
    const url = movedTo(primary, at);
    if (url === undefined || leadsTo(primary, at)) return [];
    if (region === undefined) return [url];
    if (Object.hasOwn(regions, region)) return [{ url, region }];
    report(
      `has a replica, '${id}', in '${region}', which is no region of the document; it is left out`,
    );
    return [];
  });
}
