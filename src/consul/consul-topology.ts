import { type ConsulTopologyOptions, readConsulTopologyOptions } from '../config/consul-options.ts';
import { ConfigError } from '../errors/config-error.ts';
import { maxDocumentBytes, type TopologySource } from '../topology/sources/topology-source.ts';
import { ConsulAgent } from './agent.ts';
import { type QueryConfig, readings, readOnce } from './blocking-query.ts';
import { pause, pauseMs } from './pauses.ts';

/**
 * Reads the topology from a key of Consul, and again whenever it changes, by blocking queries. A key that is
 * gone is no empty topology: what was taken stays.
 *
 * @throws {ConfigError} when the options make no sense.
 *
 * @example
 * await createDataLayer({ ...options, topology: consulTopology({ key: 'meridian/topology' }) });
 */
export function consulTopology(options: ConsulTopologyOptions): TopologySource {
  const config = readConsulTopologyOptions(options);
  const agent = new ConsulAgent(config, maxDocumentBytes);
  const { key, stale, waitMs, timeoutMs } = config;
  const name = `consul:${key}`;
  const path = `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`;
  const query: QueryConfig = { path, query: { raw: '' }, name, stale, waitMs, timeoutMs };
  let failures = 0;
  /** What is no document is told once, and waited out. */
  let told: string | undefined;
  return {
    name,
    async load(signal) {
      const { text } = await readOnce(agent, query, signal);
      if (text !== undefined) return documentOf(text, name);
      throw new ConfigError('Bad topology', [{ path: name, message: 'there is no such key' }]);
    },
    async *watch(signal) {
      try {
        await pause(pauseMs(failures, Math.random), signal);
        let seen: string | undefined;
        for await (const { text } of readings(agent, query, signal)) {
          failures = 0;
          if (text === undefined || text === seen || text === told) continue;
          told = text;
          const document = documentOf(text, name);
          told = undefined;
          seen = text;
          yield document;
        }
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        throw error;
      }
    },
  };
}

function documentOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may hold a password.
    throw new ConfigError('Bad topology', [{ path: name, message: 'is not JSON' }]);
  }
}
