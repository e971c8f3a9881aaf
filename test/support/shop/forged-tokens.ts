import { randomUUID } from 'node:crypto';
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { newSigningKey } from '../../../examples/shop/local/shop.ts';
import { openPart } from './gateway.ts';
import { tokenOf } from './visitors.ts';

const sub = randomUUID();

/** Tokens that nobody may get in with, by what is wrong with them. `key` is the one that signs. */
export async function forgedTokens(key: JWK): Promise<Record<string, string>> {
  const good = await tokenOf(key, { sub });
  const [head = '', body = '', signature = ''] = good.split('.');
  const stranger = await newSigningKey(key.kid ?? '');
  const publicKey = await importJWK(openPart(key), 'ES256', { extractable: true });
  if (publicKey instanceof Uint8Array) throw new TypeError('an EC key was expected');
  const rsa = await generateKeyPair('RS256');
  const own = await generateKeyPair('ES256', { extractable: true });
  const signed = (
    header: { alg: string; [name: string]: unknown },
    secret: Parameters<SignJWT['sign']>[0],
  ) => claims(new SignJWT(content)).setProtectedHeader(header).sign(secret);
  const withHead = (header: object) => [encode(header), body, signature].join('.');
  const kid = key.kid ?? '';
  return {
    'no signature, alg none': claims(new UnsecuredJWT(content)).encode(),
    'alg none over a signature': withHead({ alg: 'none', kid }),
    'alg nOnE': withHead({ alg: 'nOnE', kid }),
    'HS256 with the public key as PEM': await signed(
      { alg: 'HS256', kid },
      new TextEncoder().encode(await exportSPKI(publicKey)),
    ),
    'HS256 with the public key as JSON': await signed(
      { alg: 'HS256', kid },
      new TextEncoder().encode(JSON.stringify(openPart(key))),
    ),
    RS256: await signed({ alg: 'RS256', kid }, rsa.privateKey),
    'a stranger’s key under the same kid': await tokenOf(stranger, { sub }),
    'a key that the token brings along': await signed(
      { alg: 'ES256', kid, jwk: await exportJWK(own.publicKey) },
      own.privateKey,
    ),
    'a key that the token says where to get': await signed(
      { alg: 'ES256', kid: 'new', jku: 'http://127.0.0.1:9/jwks' },
      own.privateKey,
    ),
    'an unknown kid': await tokenOf(key, { sub, kid: 'key-2' }),
    'a kid with a path': await tokenOf(key, { sub, kid: '../../../../dev/null' }),
    'a kid with a URL': await tokenOf(key, { sub, kid: 'http://127.0.0.1:9/jwks' }),
    'a kid with SQL': await tokenOf(key, { sub, kid: "x' UNION SELECT 'key" }),
    'a critical header that nobody knows': await signed(
      { alg: 'ES256', kid, crit: ['b64'], b64: true },
      own.privateKey,
    ),
    'the wrong audience': await tokenOf(key, { sub, audience: 'another-gateway' }),
    'the wrong issuer': await tokenOf(key, { sub, issuer: 'another-shop' }),
    expired: await tokenOf(key, { sub, expires: -10 }),
    'not yet valid': await tokenOf(key, { sub, notBefore: 30 }),
    'made long ago, though it never expires': await tokenOf(key, {
      sub,
      issued: -7_200,
      expires: 10 ** 9,
    }),
    'a role that there is not': await tokenOf(key, { sub, role: 'owner' }),
    'a subject that is no user': await tokenOf(key, { sub: "' OR 1=1 --" }),
    'no subject': await claims(new SignJWT({ role: 'customer', country: 'DE' }), null)
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign(await importJWK(key, 'ES256')),
    'a changed body': [head, encode({ ...decode(body), role: 'support' }), signature].join('.'),
    'a cut signature': good.slice(0, -4),
    'another signature': [head, body, signature.replaceAll(/./g, 'A')].join('.'),
    'more parts': `${good}.${good}`,
    oversize: await tokenOf(key, { sub, country: 'D'.repeat(5_000) }),
    nothing: '',
    garbage: '%00\\..//',
  };
}

const content = { role: 'support', country: 'DE' };

function claims<T extends SignJWT | UnsecuredJWT>(token: T, subject: string | null = sub): T {
  const now = Math.floor(Date.now() / 1000);
  token.setIssuer('shop').setAudience('shop-gateway').setIssuedAt(now).setNotBefore(now);
  if (subject !== null) token.setSubject(subject);
  token.setExpirationTime(now + 600);
  return token;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): object {
  return Object(JSON.parse(Buffer.from(part, 'base64url').toString()));
}
