import { type CityResponse, Reader } from 'maxmind';
import { maxmindLocator } from 'meridian/sharding';
import { expect, it } from 'vitest';
import { locatePlace } from '../../../src/sharding/places/locate-place.ts';
import { mmdbFile } from '../../support/mmdb-file.ts';

const reader = new Reader<CityResponse>(
  mmdbFile({
    '203.0.113.0/24': {
      country: { iso_code: 'DE' },
      location: { latitude: { double: 52.5 }, longitude: { double: 13.4 } },
      registered_country: { iso_code: 'US' },
    },
    '198.51.100.0/25': { registered_country: { iso_code: 'GB' } },
  }),
);
const locateIp = maxmindLocator(reader);

it('a real reader of a real file is a locator', () => {
  expect(locatePlace({ ip: '203.0.113.7' }, locateIp).byIp).toEqual({
    country: 'DE',
    location: [52.5, 13.4],
  });
  expect(locatePlace({ ip: '::ffff:203.0.113.7' }, locateIp).byIp?.country).toBe('DE');
  expect(locatePlace({ ip: '198.51.100.7' }, locateIp).byIp?.country).toBeUndefined();
  for (const ip of ['198.51.100.200', '10.0.0.1', '2001:db8::7', 'fe80::1%eth0']) {
    expect(locatePlace({ ip }, locateIp).byIp).toBeUndefined();
  }
});
