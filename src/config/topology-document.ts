import { z } from 'zod';
import type { Problem } from '../errors/config-error.ts';
import { type EndpointAddress, readEndpointUrl } from './endpoint-url.ts';
import { substituteEnvironment } from './environment.ts';
import { parseInto, strictObject } from './strict-object.ts';

/**
 * A topology as users write it, in JSON or as an object. `docs/topology.md` explains each field.
 *
 * @example
 * const topology: TopologyDocument = {
 *   epoch: 1,
 *   regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE', 'FR'] } },
 *   shards: {
 *     'eu-1': { region: 'eu', primary: 'mysql://app:secret@eu-1.example/app' },
 *     'eu-2': { region: 'eu', primary: 'mysql://app:secret@eu-2.example/app' },
 *   },
 *   keyspaces: {
 *     people: { code: 1, strategy: 'geo', shards: ['eu-1'] },
 *     ledger: { code: 2, strategy: 'hash', shards: ['eu-2'] },
 *   },
 * };
 */
export interface TopologyDocument {
  /** Grows with every change; starts at 1. */
  epoch: number;
  /**
   * Grows with every change of servers' addresses and of replicas within an epoch, as one that watches servers
   * makes it. Nothing else may change with it. Default 0.
   */
  revision?: number;
  /**
   * `nearest`: rows of a country that no region of their keyspace lists go to the region nearest to
   * the middle of the country, if their place has no location. `refuse`: they don't; they go to the
   * default region or are refused. Default `refuse`.
   */
  unlistedCountries?: 'refuse' | 'nearest';
  regions: Record<string, RegionDocument>;
  shards: Record<string, ShardDocument>;
  keyspaces: Record<string, KeyspaceDocument>;
}

/**
 * An area that shards and processes are in.
 *
 * @see {@link TopologyDocument}
 */
export interface RegionDocument {
  /** 0–63, never reused: ids carry it. */
  code: number;
  /** `[latitude, longitude]` in degrees. */
  location: [number, number];
  /** Countries whose rows live here, ISO 3166-1 alpha-2 in upper case. Default: none. */
  countries?: string[];
  /** `strict`: rows of these countries may not leave the region. Default `open`. */
  residency?: 'open' | 'strict';
  /**
   * Of a strict region: other regions whose replicas, Redis and processes may hold copies of its
   * rows. Default: none.
   */
  allow?: string[];
  /** Takes places that no region serves. At most one region. Default `false`. */
  default?: boolean;
}

/**
 * A database and its replicas.
 *
 * @see {@link TopologyDocument}
 */
export interface ShardDocument {
  region: string;
  /** `mysql://user:${PASSWORD}@host:3306/database`; `${NAME}` is read from the environment. */
  primary: string;
  /** Read replicas: a URL of the same form, with its region where it is another. Default: none. */
  replicas?: (string | ReplicaDocument)[];
  /** Share of the slots relative to the other shards. Default 1. */
  weight?: number;
}

/**
 * A read replica that may be in another region than its shard.
 *
 * @see {@link TopologyDocument}
 */
export interface ReplicaDocument {
  /** Same form as `primary`. */
  url: string;
  /** Default: the shard's. */
  region?: string;
}

/**
 * Tables that are placed by one strategy over the same shards.
 *
 * @see {@link TopologyDocument}
 */
export interface KeyspaceDocument {
  /** 0–63, never reused: ids carry it. */
  code: number;
  /** `geo`: rows live in the region of their place. `hash`: rows spread by key. */
  strategy: 'geo' | 'hash';
  shards: string[];
  /**
   * Stored slots. hash: `{ shard: '0-8191' }`; geo: `{ region: { shard: '0-1023' } }`.
   * Default: derived from the shards' names and weights.
   */
  slots?: Record<string, string> | Record<string, Record<string, string>>;
}

/** A shard whose URLs were read. */
export interface ParsedShard {
  readonly region: string;
  readonly primary: EndpointAddress;
  readonly replicas: readonly ParsedReplica[];
  readonly weight: number;
}

interface ParsedReplica {
  readonly url: EndpointAddress;
  /** Undefined: the shard's. */
  readonly region?: string | undefined;
}

type ParsedRegion = z.output<typeof region>;
export type ParsedKeyspace = z.output<typeof keyspace>;

/** The entries of a document that are well formed, each by itself. */
export interface ParsedTopology {
  readonly epoch: number;
  readonly revision: number;
  readonly unlistedCountries: 'refuse' | 'nearest';
  readonly regions: ReadonlyMap<string, ParsedRegion>;
  readonly shards: ReadonlyMap<string, ParsedShard>;
  readonly keyspaces: ReadonlyMap<string, ParsedKeyspace>;
  /** Every name written, also of malformed entries, so that one mistake is reported once. */
  readonly names: Record<'regions' | 'shards' | 'keyspaces', ReadonlySet<string>>;
}

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'a name has 1 to 63 letters, digits, _ . or -');
const code = z.int().min(0).max(63);

const region = strictObject({
  code,
  location: z.tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)]),
  countries: z.array(z.string()).default([]),
  residency: z.enum(['open', 'strict']).default('open'),
  allow: z.array(z.string()).default([]),
  default: z.boolean().default(false),
});

const address = z.string().transform((text, context): EndpointAddress => {
  const { text: filled, missing, unfit } = substituteEnvironment(text, process.env);
  const fail = (message: string) => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (missing.length > 0) return fail(`environment variable ${missing.join(', ')} is not set`);
  if (unfit.length > 0) {
    return fail(
      `environment variable ${unfit.join(', ')} holds a character that would end its part of the URL: / ? # @ &`,
    );
  }
  const read = readEndpointUrl(filled);
  return typeof read === 'string' ? fail(read) : read;
});

const located = strictObject({ url: address, region: z.string().optional() });
const bare = address.transform((url) => ({ url }));

// A union would report "invalid input" and not what is wrong with the form that was meant.
const replica = z.unknown().transform((value, context): ParsedReplica => {
  const { data, error } = (typeof value === 'string' ? bare : located).safeParse(value);
  if (data !== undefined) return data;
  for (const { message, path } of error.issues) {
    context.addIssue({ code: 'custom', message, path: [...path] });
  }
  return z.NEVER;
});

const shard = strictObject({
  region: z.string(),
  primary: address,
  replicas: z.array(replica).default([]),
  weight: z
    .number()
    .positive('must be over 0; remove the shard from its keyspace to empty it')
    .default(1),
});

const keyspace = strictObject({
  code,
  strategy: z.enum(['geo', 'hash']),
  shards: z.array(z.string()).min(1, 'needs at least one shard'),
  slots: z
    .union([
      z.record(z.string(), z.string()),
      z.record(z.string(), z.record(z.string(), z.string())),
    ])
    .optional(),
});

/** As many as a keyspace has slots. More would cost seconds before they could be refused. */
const mostShards = 16_384;

const document = strictObject({
  epoch: z.int().min(1),
  revision: z.int().min(0).default(0),
  unlistedCountries: z.enum(['refuse', 'nearest']).default('refuse'),
  regions: z.record(z.string(), z.unknown()),
  shards: z.record(z.string(), z.unknown()),
  keyspaces: z.record(z.string(), z.unknown()),
});

/**
 * Reads a document entry by entry, so that one pass finds every malformed entry. What the entries
 * mean together is checked by the topology.
 */
export function parseTopologyDocument(
  value: unknown,
  problems: Problem[],
): ParsedTopology | undefined {
  const outer = parseInto(document, value, '', problems);
  if (outer === undefined) return undefined;
  const count = Object.keys(outer.shards).length;
  if (count > mostShards) {
    problems.push({
      path: 'shards',
      message: `are ${count}, and a document may have ${mostShards}`,
    });
    return undefined;
  }
  const entries = <Schema extends z.ZodType>(
    section: 'regions' | 'shards' | 'keyspaces',
    schema: Schema,
  ) => {
    const parsed = new Map<string, z.output<Schema>>();
    for (const [key, entry] of Object.entries(outer[section])) {
      const path = `${section}.${key}`;
      parseInto(name, key, path, problems);
      const result = parseInto(schema, entry, path, problems);
      if (result !== undefined) parsed.set(key, result);
    }
    return parsed;
  };
  return {
    epoch: outer.epoch,
    revision: outer.revision,
    unlistedCountries: outer.unlistedCountries,
    regions: entries('regions', region),
    shards: entries('shards', shard),
    keyspaces: entries('keyspaces', keyspace),
    names: {
      regions: new Set(Object.keys(outer.regions)),
      shards: new Set(Object.keys(outer.shards)),
      keyspaces: new Set(Object.keys(outer.keyspaces)),
    },
  };
}
