import { z } from 'zod';
import { ConfigError, type Problem } from '../errors/config-error.ts';
import { isThisMachine } from '../tls/this-machine.ts';
import type { TlsOptions } from '../tls/tls-options.ts';
import { parseInto, strictObject } from './strict-object.ts';
import { tlsSettings } from './tls-settings.ts';

/**
 * Where Consul is, and how it is asked.
 *
 * @example
 * const consul: ConsulOptions = { url: 'https://consul.example:8501', token: () => readToken() };
 * consulTopology({ ...consul, key: 'meridian/topology' });
 */
export interface ConsulOptions {
  /**
   * Where an agent listens, `http://` or `https://`. Plain HTTP to a host that is not loopback needs an
   * explicit `?tls=off`. Default `http://127.0.0.1:8500`.
   */
  url?: string;
  /**
   * The ACL token, or a function that gives the one in force, asked before each request. It is in no log and
   * no error. Default: none, which is Consul's anonymous token.
   */
  token?: string | (() => string);
  /** Default: the agent's own. */
  datacenter?: string;
  /** Certificates, where the URL is `https://`. Default: the authorities of Node, TLS 1.3. */
  tls?: TlsOptions;
  /** Milliseconds for an answer, beyond those that Consul is asked to wait for a change. Default 5,000. */
  timeoutMs?: number;
}

/**
 * Which key of Consul's holds the topology, and how it is waited for.
 *
 * @example
 * const options: ConsulTopologyOptions = { key: 'meridian/topology', url: 'http://127.0.0.1:8500' };
 */
export interface ConsulTopologyOptions extends ConsulOptions {
  /** The key whose value is the document in JSON: `meridian/topology`. */
  key: string;
  /**
   * Takes the servers' addresses from the health-checked catalog: `{ service: 'mysql' }`. An instance of that service says
   * `shard` in its metadata, its role by the tag `primary` or `replica`, and where a replica is in another region than its
   * shard, `region` in its metadata. All else stays the document's: user, password, database, TLS. Default: the document's.
   */
  endpoints?: ConsulEndpointsOptions;
  /**
   * Lets any server of Consul answer, also one that lags behind or has lost its leader. What is older than
   * what was taken is refused by its epoch. Default `true`.
   */
  stale?: boolean;
  /** Milliseconds that Consul holds a question until something changes, up to 300,000. Default 60,000. */
  waitMs?: number;
}

/**
 * Which service of Consul's the database servers are.
 *
 * @example
 * const endpoints: ConsulEndpointsOptions = { service: 'mysql' };
 * const source = consulTopology({ key: 'meridian/topology', endpoints });
 */
export interface ConsulEndpointsOptions {
  /** One for the servers of all shards, so that one question waits for all of them: `mysql`. */
  service: string;
}

/**
 * A service as Consul is to know it.
 *
 * @example
 * const options: ConsulServiceOptions = { name: 'checkout', port: 8080, isHealthy: () => data.health().ready };
 * await registerService(options);
 */
export interface ConsulServiceOptions extends ConsulOptions {
  /** The service's name: `shop-api`. */
  name: string;
  /** Tells instances apart, and stays the same when this one starts anew. Default: name, host name and port. */
  id?: string;
  /** Where others reach it. Default: the address of the agent. */
  address?: string;
  /** The port it listens on. Default: none. */
  port?: number;
  /** Default: none. */
  tags?: readonly string[];
  /** What else others may read of it. Default: nothing. */
  meta?: Readonly<Record<string, string>>;
  /** Milliseconds after which Consul calls it critical when it has told nothing. Told every third. Default 15,000. */
  ttlMs?: number;
  /**
   * Milliseconds after which Consul forgets one that stays critical, 60,000 at least, as Consul wants it. Default 600,000.
   */
  deregisterAfterMs?: number;
  /**
   * Whether the service is well, asked whenever it is told: `() => data.health().ready`. What it throws counts
   * as `false`, and so does no answer within `timeoutMs`. Default: it is, as long as the process runs.
   */
  isHealthy?: () => boolean | Promise<boolean>;
  /** Told when Consul could not be. It is tried again by itself. Default: nobody. */
  onFault?: (error: Error) => void;
}

const milliseconds = z
  .number()
  .min(1)
  .max(2 ** 31 - 1);
const named = z.string().min(1, 'is empty').max(512);

const url = z.string().transform((text, context) => {
  const read = readConsulUrl(text);
  if (read instanceof URL) return read;
  context.addIssue({ code: 'custom', message: read.message });
  return z.NEVER;
});

/** What a header can hold. */
export const tokenText = /^[\x21-\x7e]+$/;

const token = z.union([
  z.string().regex(tokenText, 'is empty or holds characters that no token has'),
  z.custom<() => string>((value) => typeof value === 'function'),
]);

const agent = {
  url: url.prefault('http://127.0.0.1:8500'),
  token: token.optional(),
  datacenter: named.optional(),
  tls: tlsSettings.prefault({}),
  timeoutMs: milliseconds.default(5_000),
};

const topologySettings = strictObject({
  ...agent,
  key: named.regex(/^[^/]/, "begins with '/'; Consul's keys do not"),
  endpoints: strictObject({ service: named }).optional(),
  stale: z.boolean().default(true),
  waitMs: milliseconds.min(1_000).max(300_000).default(60_000),
});

const serviceSettings = strictObject({
  ...agent,
  name: named,
  id: named.optional(),
  address: named.optional(),
  port: z.int().min(1).max(65_535).optional(),
  tags: z.array(z.string()).default([]),
  meta: z.record(z.string(), z.string()).default({}),
  ttlMs: milliseconds.min(1_000).default(15_000),
  deregisterAfterMs: milliseconds.min(60_000).default(600_000),
  isHealthy: z
    .custom<() => boolean | Promise<boolean>>((value) => typeof value === 'function')
    .default(() => () => true),
  onFault: z
    .custom<(error: Error) => void>((value) => typeof value === 'function')
    .default(() => () => undefined),
});

const agentSettings = z.object(agent);
export type ConsulConfig = z.output<typeof agentSettings>;
export type ConsulTopologyConfig = z.output<typeof topologySettings>;
export type ConsulServiceConfig = z.output<typeof serviceSettings>;

/** @throws {ConfigError} */
export function readConsulTopologyOptions(options: ConsulTopologyOptions): ConsulTopologyConfig {
  return read(topologySettings, options);
}

/** @throws {ConfigError} */
export function readConsulServiceOptions(options: ConsulServiceOptions): ConsulServiceConfig {
  return read(serviceSettings, options);
}

function read<Schema extends z.ZodType>(schema: Schema, options: unknown): z.output<Schema> {
  const problems: Problem[] = [];
  const settings = parseInto(schema, options, '', problems);
  if (settings !== undefined) return settings;
  throw new ConfigError('Bad options for Consul', problems);
}

/** What is wrong is told without a part of the URL, where a token might stand. */
function readConsulUrl(text: string): URL | { readonly message: string } {
  const wrong = (message: string) => ({ message });
  if (!URL.canParse(text)) return wrong('is not a URL; write http://127.0.0.1:8500');
  const parsed = new URL(text);
  if (!/^https?:$/.test(parsed.protocol)) return wrong('is neither http:// nor https://');
  if (parsed.username !== '' || parsed.password !== '') {
    return wrong("holds a user or password, which Consul does not know; give it a 'token'");
  }
  const parameters = [...parsed.searchParams];
  const isOff = parameters.length === 1 && parsed.searchParams.get('tls') === 'off';
  if (parameters.length > 0 && !isOff) return wrong("has a parameter; only 'tls=off' is known");
  if (isOff && parsed.protocol === 'https:') return wrong('is https:// and says tls=off');
  if (parsed.protocol === 'http:' && !isOff && !isThisMachine(parsed.hostname)) {
    return wrong('leads to another machine in plain text; write https://, or ?tls=off behind it');
  }
  parsed.search = '';
  parsed.hash = '';
  return parsed;
}
