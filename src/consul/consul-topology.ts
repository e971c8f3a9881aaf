import {
  type ConsulTopologyConfig,
  type ConsulTopologyOptions,
  readConsulTopologyOptions,
} from '../config/consul-options.ts';
import { ConfigError } from '../errors/config-error.ts';
import { maxDocumentBytes, type TopologySource } from '../topology/sources/topology-source.ts';
import { ConsulAgent } from './agent.ts';
import { type QueryConfig, type Reading, readOnce } from './blocking-query.ts';
import { CatalogEndpoints, type Composition } from './catalog-endpoints.ts';
import { newestOf } from './newest-of.ts';
import { pause, pauseMs } from './pauses.ts';

/**
 * Reads the topology from a key of Consul, and again whenever it changes, by blocking queries. A key that is
 * gone is no empty topology: what was taken stays. With `endpoints`, the servers' addresses come from the catalog.
 *
 * @throws {ConfigError} when the options make no sense.
 *
 * @example
 * await createDataLayer({ ...options, topology: consulTopology({ key: 'meridian/topology' }) });
 * const endpoints = { service: 'mysql' };
 * const source = consulTopology({ key: 'meridian/topology', endpoints });
 */
export function consulTopology(options: ConsulTopologyOptions): TopologySource {
  return new ConsulTopology(readConsulTopologyOptions(options));
}

class ConsulTopology implements TopologySource {
  readonly name: string;
  readonly #agent: ConsulAgent;
  /** The document's, and the catalog's. */
  readonly #queries: readonly QueryConfig[];
  readonly #catalog: CatalogEndpoints | undefined;
  #failures = 0;
  /** Why it can't be followed, as it was told last: it is told once, and waited out. */
  #told: WhatWasRead | undefined;

  constructor(config: ConsulTopologyConfig) {
    const { key, endpoints, stale, waitMs, timeoutMs } = config;
    this.name = `consul:${key}`;
    this.#agent = new ConsulAgent(config, maxDocumentBytes);
    const path = `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`;
    const how = { stale, waitMs, timeoutMs };
    const document = { path, query: { raw: '' }, name: this.name, ...how };
    if (endpoints === undefined) {
      this.#queries = [document];
      return;
    }
    const name = `consul service '${endpoints.service}'`;
    const of = `/v1/health/service/${encodeURIComponent(endpoints.service)}`;
    this.#queries = [document, { path: of, query: { passing: '' }, name, ...how }];
    this.#catalog = new CatalogEndpoints(name);
  }

  async load(signal?: AbortSignal): Promise<unknown> {
    const all = this.#queries.map((query) => readOnce(this.#agent, query, signal));
    const composition = this.#compose(await Promise.all(all));
    if (composition !== undefined) return composition.document;
    const message = 'there is no such key';
    throw new ConfigError('Bad topology', [{ path: this.name, message }]);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<unknown> {
    try {
      await pause(pauseMs(this.#failures, Math.random), signal);
      yield* this.#documents(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#failures++;
      // Of two faults only the newer one is known: what was told before is told again where it stands.
      if (this.#told?.fault !== error) this.#told = undefined;
      throw error;
    }
  }

  async *#documents(signal: AbortSignal): AsyncGenerator<unknown> {
    let seen: string | undefined;
    for await (const readings of newestOf(this.#agent, this.#queries, signal)) {
      this.#failures = 0;
      const read = this.#read(readings);
      if (read === undefined || read.state === seen || read.state === this.#told?.state) continue;
      const { state, document, fault } = read;
      seen = state;
      this.#told = undefined;
      if (document !== undefined) yield document;
      if (fault === undefined) continue;
      this.#told = { state, fault };
      throw fault;
    }
  }

  #read(readings: readonly Reading[]): WhatWasRead | undefined {
    try {
      const composition = this.#compose(readings);
      if (composition === undefined) return undefined;
      const { document, problems } = composition;
      const fault =
        problems.length > 0 ? new ConfigError(`${this.name} is not followed`, problems) : undefined;
      return { state: JSON.stringify([document, problems]), document, fault };
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { state: readings.map(({ text }) => text).join('\n'), fault: error };
    }
  }

  /** Undefined: there is no document. */
  #compose([kept, catalog]: readonly Reading[]): Composition | undefined {
    if (kept?.text === undefined) return undefined;
    const document = documentOf(kept.text, this.name);
    if (this.#catalog === undefined) return { document, problems: [] };
    return this.#catalog.compose(document, catalog?.text ?? '[]', catalog?.index ?? 0);
  }
}

/** A document, or why there is none that can be followed, or both: one that is not followed everywhere. */
interface WhatWasRead {
  /** Tells two apart. */
  readonly state: string;
  readonly document?: unknown;
  readonly fault: ConfigError | undefined;
}

function documentOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may hold a password.
    throw new ConfigError('Bad topology', [{ path: name, message: 'is not JSON' }]);
  }
}
