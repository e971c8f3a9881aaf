import { createLocalJWKSet, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';

const jwk = z.looseObject({ kty: z.literal('EC'), kid: z.string(), d: z.string() });
/** Private keys as JSON, the one that signs first. */
export const signingKeys = z
  .string()
  .transform((text) => z.array(jwk).min(1).parse(JSON.parse(text)));

const issuer = 'shop';
const algorithm = 'ES256';

/** Signs with the first key; all are published, so that a new first one is known before it signs. */
export class Signer {
  readonly #keys: readonly JWK[];
  readonly published: { readonly keys: JWK[] };

  constructor(keys: readonly JWK[]) {
    this.#keys = keys;
    const open = keys.map(({ d: _, ...key }) => ({ ...key, alg: algorithm, use: 'sig' }));
    this.published = { keys: open };
  }

  async sign(claims: JWTPayload, audience: string, seconds: number): Promise<string> {
    const [key] = this.#keys;
    if (key?.kid === undefined) throw new TypeError('a signing key needs a kid');
    const now = Math.floor(Date.now() / 1_000);
    const times = { iat: now, nbf: now, exp: now + seconds };
    return new SignJWT({ ...claims, ...times, iss: issuer, aud: audience })
      .setProtectedHeader({ alg: algorithm, kid: key.kid })
      .sign(await importJWK(key, algorithm));
  }

  /** What it once signed for that audience. @throws when it did not, or it has expired. */
  async read(token: string, audience: string): Promise<JWTPayload> {
    const keys = createLocalJWKSet({ keys: [...this.published.keys] });
    const rules = { issuer, audience, algorithms: [algorithm] };
    return (await jwtVerify(token, keys, rules)).payload;
  }
}
