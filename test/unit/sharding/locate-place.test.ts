import { type IpLocator, type Place, RoutingError } from 'meridian';
import { describe, expect, it } from 'vitest';
import { locatePlace } from '../../../src/sharding/places/locate-place.ts';

const berlin = { country: 'DE', location: [52.5, 13.4] } as const;
const inBerlin: IpLocator = () => berlin;
const ip = '203.0.113.7';

function refusal(place: unknown, locateIp?: IpLocator): RoutingError {
  try {
    locatePlace(place as Place, locateIp);
  } catch (error) {
    if (error instanceof RoutingError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('an address', () => {
  it('tells its country and location', () => {
    expect(locatePlace({ ip }, inBerlin)).toEqual({ byIp: berlin });
  });

  it('leaves what the place itself says as it is', () => {
    const own = { region: 'us', country: 'US', location: [40, -75] } as const;
    expect(locatePlace({ ...own, ip }, inBerlin)).toEqual(own);
    expect(locatePlace({ region: 'us', ip }, inBerlin)).toEqual({ region: 'us', byIp: berlin });
  });

  it('tells a location only in the country that the place names', () => {
    expect(locatePlace({ country: 'DE', ip }, inBerlin).byIp).toEqual({ location: [52.5, 13.4] });
    expect(locatePlace({ country: 'BR', ip }, inBerlin).byIp).toBeUndefined();
    expect(locatePlace({ country: 'BR', ip }, () => ({ location: [1, 2] })).byIp).toBeUndefined();
  });

  it.each([undefined, null, {}, { country: undefined, location: undefined }])(
    'that is not known (%j) tells nothing',
    (found) => {
      const { byIp } = locatePlace({ ip: '10.0.0.1' }, () => found);
      expect(byIp?.country).toBeUndefined();
      expect(byIp?.location).toBeUndefined();
    },
  );

  it('is looked up in its canonical form', () => {
    const asked: string[] = [];
    const locate: IpLocator = (address) => {
      asked.push(address);
      return undefined;
    };
    locatePlace({ ip: '::ffff:203.0.113.7' }, locate);
    locatePlace({ ip: '2001:DB8:0::1%eth0' }, locate);
    expect(asked).toEqual(['203.0.113.7', '2001:db8::1']);
  });

  it('that is none is refused, also where nothing depends on it', () => {
    expect(refusal({ ip: `${ip}:443` }, inBerlin).message).toMatch(/no port/);
    expect(refusal({ region: 'eu', country: 'DE', ip: '' }, inBerlin).message).toMatch(/IPv4/);
  });

  it('is refused when nothing can look it up', () => {
    expect(refusal({ country: 'DE', ip }).message).toMatch(/option locateIp.*maxmindLocator/);
  });
});

describe('a locator', () => {
  it.each<[string, unknown]>([
    ['a promise', Promise.resolve(berlin)],
    ['a text', 'DE'],
    ['a country that is none', { country: 'XX' }],
    ['a country in lower case', { country: 'de' }],
    ['no text as a country', { country: 49 }],
    ['a place off Earth', { location: [152.5, 13.4] }],
    ['half a place', { location: [52.5] }],
    ['NaN', { location: [52.5, Number.NaN] }],
  ])('may not return %s', (_, found) => {
    expect(refusal({ ip }, (() => found) as IpLocator).message).toMatch(/locateIp must return/);
  });

  it('that throws gives an error that holds nothing of the address', () => {
    const error = refusal({ ip }, (address) => {
      throw Object.assign(new Error(`no network for ${address}`), { name: address });
    });
    expect(error.message).toMatch(/locateIp threw.*undefined/);
    expect(error.cause).toBeUndefined();
    const whole = JSON.stringify(error) + error.stack + JSON.stringify(error.context);
    expect(whole).not.toContain(ip);
  });
});

it.each([
  [`${ip}:80`, inBerlin],
  [ip, undefined],
  [ip, () => ({ country: ip })],
])('no refusal of %s quotes it', (address, locateIp) => {
  const error = refusal({ ip: address }, locateIp);
  expect(JSON.stringify(error) + error.stack).not.toContain(ip);
});

it.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /must return a place/],
  ['null', null, /must return a place/],
  ['a text', 'DE', /must return a place/],
  ['a promise', Promise.resolve({ country: 'DE' }), /not a promise/],
  ['a null country', { country: null }, /country must be text/],
  ['a number for a region', { region: 1 }, /region must be text/],
  ['a number for an address', { ip: 3405803783 }, /ip must be text/],
  ['a null location', { location: null }, /location must be/],
  ['a location as text', { location: ['52.5', '13.4'] }, /location must be/],
  ['three coordinates', { location: [52.5, 13.4, 34] }, /location must be/],
  ['NaN', { location: [Number.NaN, 0] }, /location must be/],
  ['infinity', { location: [0, Number.POSITIVE_INFINITY] }, /location must be/],
  ['swapped coordinates', { location: [139.7, 35.7] }, /swapped/],
  ['a bad location where nothing depends on it', { region: 'eu', location: [91, 0] }, /location/],
])('a place can not be %s', (_, place, message) => {
  expect(refusal(place, inBerlin).message).toMatch(message);
});
