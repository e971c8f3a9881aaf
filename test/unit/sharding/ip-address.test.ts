import { expect, it } from 'vitest';
import { canonicalIp } from '../../../src/sharding/places/ip-address.ts';

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['::FFFF:cb00:7107', '203.0.113.7'],
  ['::ffff:0.0.0.1', '0.0.0.1'],
  ['::203.0.113.7', '::cb00:7107'],
  ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['::', '::'],
])('%s is %s', (text, canonical) => {
  expect(canonicalIp(text)).toBe(canonical);
});

it.each([
  '',
  ' 203.0.113.7',
  '203.0.113.7\n',
  '203.0.113.7:443',
  '203.0.113',
  '203.0.113.256',
  '203.0.113.07',
  '0x7f.0.0.1',
  '3405803783',
  '203.0.113.7, 10.0.0.1',
  '[2001:db8::1]',
  '[::1]:443',
  '2001:db8::1::2',
  '1:2:3:4:5:6:7',
  '::1%',
  '::1]/@[::2',
  'localhost',
])('%j is no address', (text) => {
  expect(canonicalIp(text)).toBeUndefined();
});
