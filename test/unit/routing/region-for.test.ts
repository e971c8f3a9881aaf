import { ResidencyError, RoutingError, type TopologyDocument } from 'meridian';
import { expect, it } from 'vitest';
import { regionFor, routePlace } from '../../../src/routing/router.ts';
import { topologyOf as snapshotOf } from '../../support/topologies.ts';

const document: TopologyDocument = {
  epoch: 1,
  regions: {
    eu: { code: 1, location: [50.1, 8.7], countries: ['DE'] },
    us: { code: 2, location: [39, -77.5], countries: ['US'] },
    cn: { code: 3, location: [31, 121], countries: ['CN'], residency: 'strict' },
  },
  shards: Object.fromEntries(
    ['eu', 'us', 'cn'].map((region) => [
      `${region}-1`,
      { region, primary: `mysql://app@${region}.example/people?tls=off` },
    ]),
  ),
  keyspaces: {
    people: { code: 1, strategy: 'geo', shards: ['eu-1', 'us-1'] },
    ledger: { code: 2, strategy: 'hash', shards: ['cn-1'] },
  },
};

const topologyOf = (changes: Partial<TopologyDocument> = {}) =>
  snapshotOf({ ...document, ...changes });

it('a country that no region lists is refused unless the topology says otherwise', () => {
  const poland = { country: 'PL' };
  expect(() => regionFor(topologyOf(), 'people', poland)).toThrow(RoutingError);
  expect(() => regionFor(topologyOf({ unlistedCountries: 'refuse' }), 'people', poland)).toThrow(
    RoutingError,
  );
  const topology = topologyOf({ unlistedCountries: 'nearest' });
  expect(regionFor(topology, 'people', poland).name).toBe('eu');
  expect(regionFor(topology, 'people', { country: 'NZ' }).name).toBe('us');
});

it('a strict region binds its countries in keyspaces that have no shard there', () => {
  const topology = topologyOf({ unlistedCountries: 'nearest' });
  expect(() => regionFor(topology, 'people', { country: 'CN' })).toThrow(ResidencyError);
  expect(() => regionFor(topology, 'people', { region: 'eu', country: 'CN' })).toThrow(
    ResidencyError,
  );
  // The keyspace itself has no strict region, so that a place need not yield a country.
  expect(regionFor(topology, 'people', { location: [30, 120] }).name).toBe('eu');
});

it('only a geo keyspace has regions to choose from', () => {
  expect(() => regionFor(topologyOf(), 'ledger', { country: 'DE' })).toThrow(/by hash/);
  expect(() => regionFor(topologyOf(), 'nothing', { country: 'DE' })).toThrow(RoutingError);
});

it('a route leads to the region of the place, at the slot that chance gives', () => {
  const topology = topologyOf();
  const route = (random: number) => routePlace(topology, 'people', { country: 'DE' }, random);
  expect(route(0)).toMatchObject({ slot: 0, locator: 1024, reason: 'place' });
  expect(route(0.999_999).slot).toBe(1023);
  expect(route(0.5).shard.name).toBe('eu-1');
});
