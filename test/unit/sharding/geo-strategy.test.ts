import { describe, expect, it } from 'vitest';
import { RoutingError } from '../../../src/errors/routing-error.ts';
import { geoLocator, splitGeoLocator } from '../../../src/sharding/places/geo-strategy.ts';

describe('a geo locator', () => {
  it('holds the region in the upper 6 bits and the slot in the lower 10', () => {
    expect(geoLocator(0, 0)).toBe(0);
    expect(geoLocator(1, 0)).toBe(0x0400);
    expect(geoLocator(1, 5)).toBe(0x0405);
    expect(geoLocator(63, 1023)).toBe(0xffff);
  });

  it('splits into what made it, for every locator', () => {
    for (let locator = 0; locator <= 0xffff; locator++) {
      const { regionCode, slot } = splitGeoLocator(locator);
      if (geoLocator(regionCode, slot) !== locator) expect.fail(`locator ${locator}`);
    }
  });

  it.each([-1, 64, 1.5, Number.NaN])('refuses region code %d', (code) => {
    expect(() => geoLocator(code, 0)).toThrow(RoutingError);
  });

  it.each([-1, 1024, 0.5, Number.NaN])('refuses slot %d', (slot) => {
    expect(() => geoLocator(0, slot)).toThrow(RoutingError);
  });

  it.each([-1, 65_536, 0.5, Number.NaN])('refuses locator %d', (locator) => {
    expect(() => splitGeoLocator(locator)).toThrow(RoutingError);
  });
});
