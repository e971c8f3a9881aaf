import {
  type ParsedKeyspace,
  type ParsedShard,
  type ParsedTopology,
  parseTopologyDocument,
} from '../config/topology-document.ts';
import type { Problem } from '../errors/config-error.ts';
import { GEO_SLOTS } from '../sharding/places/geo-strategy.ts';
import { mayHold } from '../sharding/places/residency.ts';
import { createSlotMap } from '../sharding/slots/consistent-hash.ts';
import { HASH_SLOTS } from '../sharding/slots/hash-strategy.ts';
import { slotFingerprint } from '../sharding/slots/slot-fingerprint.ts';
import type { SlotMap } from '../sharding/slots/slot-map.ts';
import { readSlotRanges, type SlotRanges } from '../sharding/slots/slot-ranges.ts';
import { checkDocument } from './check-document.ts';
import type { Endpoint, GeoRegion, Keyspace, Shard, Topology, TopologyRegion } from './topology.ts';

/**
 * Builds the snapshot that a document describes. Returns undefined and appends to `problems` when
 * it describes none; every problem of the document is found in one pass.
 */
export function createTopology(document: unknown, problems: Problem[]): Topology | undefined {
  const before = problems.length;
  const parsed = parseTopologyDocument(document, problems);
  if (parsed === undefined) return undefined;
  checkDocument(parsed, problems);
  const maps = new Map<string, readonly SlotMap[]>();
  const regionsOf = (keyspace: ParsedKeyspace) => regionNames(keyspace, parsed);
  for (const [name, keyspace] of parsed.keyspaces) {
    const missing = keyspace.shards.some((shard) => !parsed.shards.has(shard));
    if (missing) continue;
    const read = keyspace.strategy === 'hash' ? readHashSlots : readGeoSlots;
    maps.set(name, read(name, keyspace, parsed, problems));
  }
  if (problems.length > before) return undefined;

  const regions = new Map<string, TopologyRegion>();
  for (const [
    name,
    { code, location, countries, residency, allow, default: isDefault },
  ] of parsed.regions) {
    regions.set(name, {
      name,
      code,
      location,
      countries: new Set(countries),
      residency,
      allow: new Set(allow),
      isDefault,
    });
  }
  const shards = new Map<string, Shard>();
  const keyspaces = new Map<string, Keyspace>();
  for (const [name, keyspace] of parsed.keyspaces) {
    const slotMaps = maps.get(name) ?? [];
    for (const shardName of keyspace.shards) {
      const shard = parsed.shards.get(shardName);
      const region = shard && regions.get(shard.region);
      const owner = slotMaps.find((map) => map.shards.includes(shardName));
      if (!shard || !region) continue;
      const fingerprint = owner === undefined ? 'none' : slotFingerprint(owner, shardName);
      shards.set(shardName, buildShard(shardName, name, shard, region, fingerprint));
    }
    const own = keyspace.shards.flatMap((shard) => shards.get(shard) ?? []);
    const base = { name, code: keyspace.code, shards: own };
    if (keyspace.strategy === 'hash') {
      const slots = slotMaps[0];
      if (slots === undefined) continue;
      keyspaces.set(name, {
        ...base,
        strategy: 'hash',
        slots,
        shardBySlot: shardTable(slots, shards),
      });
    } else {
      const geoRegions = regionsOf(keyspace).flatMap((regionName, index): GeoRegion[] => {
        const region = regions.get(regionName);
        const slots = slotMaps[index];
        return region && slots
          ? [{ ...region, slots, shardBySlot: shardTable(slots, shards) }]
          : [];
      });
      const regionByCode = new Map(geoRegions.map((region) => [region.code, region]));
      keyspaces.set(name, { ...base, strategy: 'geo', regions: geoRegions, regionByCode });
    }
  }
  const { epoch, revision, unlistedCountries } = parsed;
  return { epoch, revision, unlistedCountries, regions, shards, keyspaces };
}

/** The regions where a keyspace has shards, in a stable order. */
function regionNames({ shards }: ParsedKeyspace, parsed: ParsedTopology): string[] {
  return [...new Set(shards.flatMap((shard) => parsed.shards.get(shard)?.region ?? []))].sort();
}

// A shard listed twice is reported by checkDocument; here it must not hide what else is wrong.
function unique(names: readonly string[]): string[] {
  return [...new Set(names)];
}

function weighted(names: readonly string[], parsed: ParsedTopology) {
  return names.map((name) => ({ name, weight: parsed.shards.get(name)?.weight ?? 1 }));
}

function readHashSlots(
  name: string,
  { shards, slots }: ParsedKeyspace,
  parsed: ParsedTopology,
  problems: Problem[],
): SlotMap[] {
  if (slots === undefined) return deriveSlots(name, unique(shards), HASH_SLOTS, parsed, problems);
  const path = `keyspaces.${name}.slots`;
  return readStoredSlots(slots, shards, HASH_SLOTS, path, problems);
}

function readGeoSlots(
  name: string,
  keyspace: ParsedKeyspace,
  parsed: ParsedTopology,
  problems: Problem[],
): SlotMap[] {
  const regions = regionNames(keyspace, parsed);
  for (const region of Object.keys(keyspace.slots ?? {})) {
    if (regions.includes(region)) continue;
    const path = `keyspaces.${name}.slots.${region}`;
    problems.push({
      path,
      message: 'is no region of this keyspace; geo slots are stored per region',
    });
  }
  return regions.flatMap((region) => {
    const inRegion = unique(keyspace.shards).filter(
      (shard) => parsed.shards.get(shard)?.region === region,
    );
    if (keyspace.slots === undefined) {
      return deriveSlots(name, inRegion, GEO_SLOTS, parsed, problems);
    }
    const path = `keyspaces.${name}.slots.${region}`;
    return readStoredSlots(keyspace.slots[region], inRegion, GEO_SLOTS, path, problems);
  });
}

function deriveSlots(
  name: string,
  shards: readonly string[],
  count: number,
  parsed: ParsedTopology,
  problems: Problem[],
): SlotMap[] {
  if (shards.length <= count) return [createSlotMap(weighted(shards, parsed), count)];
  const message = `are ${shards.length}, and there are ${count} slots to share`;
  problems.push({ path: `keyspaces.${name}.shards`, message });
  return [];
}

function readStoredSlots(
  stored: unknown,
  shards: readonly string[],
  count: number,
  path: string,
  problems: Problem[],
): SlotMap[] {
  if (!isSlotRanges(stored)) {
    problems.push({
      path,
      message: `must give each shard its slots: { "${shards[0]}": "0-${count - 1}" }`,
    });
    return [];
  }
  const strangers = Object.keys(stored).filter((shard) => !shards.includes(shard));
  for (const shard of strangers) {
    problems.push({ path: `${path}.${shard}`, message: `is not one of ${shards.join(', ')}` });
  }
  if (strangers.length > 0) return [];
  const read = readSlotRanges(stored, count);
  if ('map' in read) return [read.map];
  for (const problem of read.problems) {
    problems.push({ ...problem, path: [path, problem.path].filter(Boolean).join('.') });
  }
  return [];
}

function isSlotRanges(value: unknown): value is SlotRanges {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((range) => typeof range === 'string');
}

function shardTable(slots: SlotMap, shards: ReadonlyMap<string, Shard>): Shard[] {
  return Array.from({ length: slots.slots }, (_, slot) => shards.get(slots.shardOf(slot))).filter(
    (shard) => shard !== undefined,
  );
}

function buildShard(
  name: string,
  keyspace: string,
  parsed: ParsedShard,
  region: TopologyRegion,
  fingerprint: string,
): Shard {
  const replicas = parsed.replicas.map(
    ({ url, region: own }, index): Endpoint => ({
      name: `${name}/replica-${index + 1}`,
      path: `shards.${name}.replicas.${index}`,
      shard: name,
      role: 'replica',
      region: own ?? region.name,
      address: url,
    }),
  );
  const isLawful = (replica: Endpoint) => mayHold(replica.region, region);
  return {
    name,
    region,
    keyspace,
    primary: {
      name: `${name}/primary`,
      path: `shards.${name}.primary`,
      shard: name,
      role: 'primary',
      region: region.name,
      address: parsed.primary,
    },
    replicas: replicas.filter(isLawful),
    unlawfulReplicas: replicas.filter((replica) => !isLawful(replica)),
    slotFingerprint: fingerprint,
  };
}
