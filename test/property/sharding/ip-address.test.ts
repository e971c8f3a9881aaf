import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalIp } from '../../../src/sharding/places/ip-address.ts';

const nearly = fc
  .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(40), fc.constantFrom(...'0123af.:%[] ,/x'))
  .map(([ip, at, letter]) => ip.slice(0, at) + letter + ip.slice(at));
const junk = fc.string({ unit: fc.constantFrom(...'01259afF.:%'), maxLength: 24 });

describe('canonicalIp', () => {
  it('takes what node:net takes, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), nearly, junk, fc.string()), (text) => {
        expect(canonicalIp(text) !== undefined, text).toBe(isIP(text) !== 0);
      }),
      { numRuns: 20_000 },
    );
  });

  it('gives the same address, always in one form', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = canonicalIp(text) ?? '';
        expect(canonicalIp(canonical)).toBe(canonical);
        if (isIP(text) !== isIP(canonical)) return;
        const list = new BlockList();
        list.addAddress(text, isIP(text) === 4 ? 'ipv4' : 'ipv6');
        expect(list.check(canonical, isIP(text) === 4 ? 'ipv4' : 'ipv6')).toBe(true);
      }),
    );
  });

  it('gives an IPv4 address that came as IPv6 as IPv4', () => {
    fc.assert(
      fc.property(fc.ipV4(), (ip) => {
        expect(canonicalIp(`::ffff:${ip}`)).toBe(ip);
        expect(canonicalIp(`0:0:0:0:0:FFFF:${ip}`)).toBe(ip);
      }),
    );
  });
});
