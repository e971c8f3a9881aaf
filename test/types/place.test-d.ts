import {
  createDataLayer,
  type DataLayerOptions,
  defineTable,
  type IpLocation,
  type IpLocator,
  type Place,
} from 'meridian';
import { type MaxmindResponse, maxmindLocator } from 'meridian/sharding';
import { expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { locatePlace } from '../../src/sharding/places/locate-place.ts';
import { type PlacingRules, regionOfPlace } from '../../src/sharding/places/place.ts';
import type { tables } from '../support/tables.ts';

declare const options: DataLayerOptions<typeof tables>;

test('a place is told by what it has', () => {
  const schema = z.object({ id: z.uuid(), ip: z.string(), signedUpFrom: z.string().nullable() });
  const base = { name: 'visitors', keyspace: 'people', primaryKey: 'id', schema } as const;
  defineTable({ ...base, place: ({ ip }) => ({ ip }) });
  // @ts-expect-error a place has no city
  defineTable({ ...base, place: () => ({ city: 'Berlin' }) });
  // @ts-expect-error null is no address
  defineTable({ ...base, place: ({ signedUpFrom }) => ({ ip: signedUpFrom }) });
  // @ts-expect-error a place is told at once
  defineTable({ ...base, place: async ({ ip }) => ({ ip }) });
  // @ts-expect-error a location has two coordinates
  defineTable({ ...base, place: () => ({ location: [52.5] }) });
});

test('an address must be looked up before a region is chosen', () => {
  const place: Place = { ip: '203.0.113.7' };
  const rules: PlacingRules<never> = {
    regions: [],
    allRegions: [],
    unlistedCountries: 'refuse',
  };
  // @ts-expect-error its address was not looked up
  regionOfPlace(place, rules);
  regionOfPlace(locatePlace(place, undefined), rules);
});

test('a locator answers at once', () => {
  createDataLayer({ ...options, locateIp: () => undefined });
  createDataLayer({ ...options, locateIp: (ip) => (ip === '' ? null : { country: 'DE' }) });
  // @ts-expect-error a promise is no answer
  createDataLayer({ ...options, locateIp: async () => ({ country: 'DE' }) });
  // @ts-expect-error a reader is made one by maxmindLocator
  createDataLayer({ ...options, locateIp: { get: () => null } });
  expectTypeOf<ReturnType<IpLocator>>().toEqualTypeOf<IpLocation | undefined | null>();
});

test('maxmindLocator takes readers of countries and cities only', () => {
  interface Country {
    readonly country?: { readonly iso_code: string; readonly geoname_id: number };
    readonly registered_country?: { readonly iso_code: string };
  }
  interface City extends Country {
    readonly location?: { readonly latitude: number; readonly longitude: number };
  }
  interface Asn {
    readonly autonomous_system_number: number;
  }
  const readers = {} as Record<'country', { get(ip: string): Country | null }> &
    Record<'city', { get(ip: string): City | null }> &
    Record<'asn', { get(ip: string): Asn | null }>;
  expectTypeOf(maxmindLocator(readers.country)).toEqualTypeOf<IpLocator>();
  expectTypeOf(maxmindLocator(readers.city)).toEqualTypeOf<IpLocator>();
  // @ts-expect-error the number of a network says nothing about countries
  maxmindLocator(readers.asn);
  expectTypeOf<City>().toExtend<MaxmindResponse>();
});
