import { didYouMean } from '../config/did-you-mean.ts';
import { databaseKey } from '../config/endpoint-url.ts';
import type { ParsedTopology } from '../config/topology-document.ts';
import type { Problem } from '../errors/config-error.ts';
import { countryHint, isCountry } from '../sharding/places/country.ts';

/** What the well-formed entries of a document mean together: everything but the slots. */
export function checkDocument(document: ParsedTopology, problems: Problem[]): void {
  const report = (path: string, message: string) => problems.push({ path, message });
  checkRegions(document, report);
  checkResidency(document, report);
  checkShards(document, report);
  checkKeyspaces(document, report);
}

type Report = (path: string, message: string) => void;

function checkRegions({ revision, regions, shards, names }: ParsedTopology, report: Report): void {
  reportRepeats(regions, 'regions', ({ code }) => code, 'code', report);
  const served = new Map<string, string>();
  const defaults: string[] = [];
  const populated = new Set(
    [...shards.values()].flatMap(({ region, replicas }) => [
      region,
      ...replicas.map((replica) => replica.region),
    ]),
  );
  for (const [name, region] of regions) {
    if (region.default) defaults.push(name);
    // A shard that is itself malformed may be the one of this region: one mistake, one message.
    // Where servers are watched, the last replica of a region may be gone for a while.
    const isWatched = revision > 0;
    if (!populated.has(name) && !isWatched && shards.size === names.shards.size) {
      report(`regions.${name}`, 'has no shards and no replicas; add one or remove the region');
    }
    for (const [index, country] of region.countries.entries()) {
      if (!isCountry(country)) {
        report(
          `regions.${name}.countries.${index}`,
          `'${country}' is no country of ISO 3166-1 alpha-2${countryHint(country)}`,
        );
        continue;
      }
      const other = served.get(country);
      if (other === undefined) served.set(country, name);
      else report(`regions.${name}.countries`, `${country} is already served by region '${other}'`);
    }
  }
  if (defaults.length > 1) {
    report('regions', `only one region can be the default, not ${defaults.join(' and ')}`);
  }
}

function checkResidency({ regions, names }: ParsedTopology, report: Report): void {
  for (const [name, { residency, allow }] of regions) {
    const path = `regions.${name}.allow`;
    if (allow.length > 0 && residency === 'open') {
      report(path, "means nothing beside residency 'open'; make the region strict or remove it");
    }
    for (const other of allow) {
      if (names.regions.has(other)) continue;
      report(path, `unknown region '${other}'${didYouMean(other, names.regions)}`);
    }
  }
}

function checkShards({ shards, names }: ParsedTopology, report: Report): void {
  const addresses = new Map<string, string>();
  for (const [name, shard] of shards) {
    if (!names.regions.has(shard.region)) {
      report(
        `shards.${name}.region`,
        `unknown region '${shard.region}'${didYouMean(shard.region, names.regions)}`,
      );
    }
    for (const [index, { region }] of shard.replicas.entries()) {
      if (region === undefined || names.regions.has(region)) continue;
      report(
        `shards.${name}.replicas.${index}.region`,
        `unknown region '${region}'${didYouMean(region, names.regions)}`,
      );
    }
    for (const [path, address] of [
      [`shards.${name}.primary`, shard.primary] as const,
      ...shard.replicas.map(({ url }, index) => [`shards.${name}.replicas.${index}`, url] as const),
    ]) {
      const key = databaseKey(address);
      const other = addresses.get(key);
      if (other === undefined) addresses.set(key, path);
      else if (address.via === undefined) report(path, `is the same database as ${other}`);
      else
        report(path, `is the same user at the same ProxySQL as ${other}, who is led to one shard`);
    }
  }
}

function checkKeyspaces({ keyspaces, names }: ParsedTopology, report: Report): void {
  reportRepeats(keyspaces, 'keyspaces', ({ code }) => code, 'code', report);
  const homes = new Map<string, string>();
  for (const [name, keyspace] of keyspaces) {
    const path = `keyspaces.${name}.shards`;
    for (const shard of keyspace.shards) {
      if (!names.shards.has(shard)) {
        report(path, `unknown shard '${shard}'${didYouMean(shard, names.shards)}`);
        continue;
      }
      const home = homes.get(shard);
      if (home === undefined) homes.set(shard, name);
      else if (home === name) report(path, `'${shard}' is listed twice`);
      else report(path, `'${shard}' is already in keyspace '${home}'; a shard has one keyspace`);
    }
  }
  if (keyspaces.size < names.keyspaces.size) return;
  for (const shard of names.shards) {
    if (!homes.has(shard))
      report(`shards.${shard}`, 'is in no keyspace; add it to one or remove it');
  }
}

function reportRepeats<Entry>(
  entries: ReadonlyMap<string, Entry>,
  section: string,
  codeOf: (entry: Entry) => number,
  field: string,
  report: Report,
): void {
  const owners = new Map<number, string>();
  for (const [name, entry] of entries) {
    const owner = owners.get(codeOf(entry));
    if (owner === undefined) owners.set(codeOf(entry), name);
    else report(`${section}.${name}.${field}`, `${codeOf(entry)} is already taken by '${owner}'`);
  }
}
