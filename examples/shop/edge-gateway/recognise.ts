import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { roles } from '../platform/caller.ts';
import { Problem, unavailable } from '../platform/problem.ts';

const country = z.string().length(2);
const claims = z.object({ sub: z.uuid(), role: z.enum(roles), country, exp: z.number() });
export type Claims = z.output<typeof claims>;

const bearer = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i;
const longestHeader = 4_096;
const rules = {
  algorithms: ['ES256'],
  issuer: 'shop',
  audience: 'shop-gateway',
  requiredClaims: ['sub', 'exp', 'nbf', 'iat'],
  clockTolerance: 5,
  maxTokenAge: '1h',
};

/** Tells whose token it is. Keys are asked for again when a token names one that is not known. */
export function recogniser(jwksUrl: string) {
  const keys = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: 1_000,
    cooldownDuration: 2_000,
  });
  /** A signature is checked once in ten seconds: it is the dearest part of a request. */
  const recent = new LRUCache<string, Claims>({ max: 10_000, ttl: 10_000 });
  return async (authorization = ''): Promise<Claims> => {
    const caller = recent.get(authorization);
    if (caller !== undefined && caller.exp * 1_000 > Date.now()) return caller;
    const token = authorization.length > longestHeader ? null : bearer.exec(authorization);
    if (token?.[1] === undefined) throw notRecognised();
    try {
      const verified = claims.parse((await jwtVerify(token[1], keys, rules)).payload);
      recent.set(authorization, verified);
      return verified;
    } catch (error) {
      throw isTokensFault(error) ? notRecognised() : unavailable('not-applied', error);
    }
  };
}

const notRecognised = () => new Problem(401, 'invalid-token', 'Log in again');
const keysMissing = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_TIMEOUT']);
const isTokensFault = (error: unknown) =>
  error instanceof errors.JOSEError ? !keysMissing.has(error.code) : error instanceof z.ZodError;
