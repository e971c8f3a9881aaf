import rateLimit from '@fastify/rate-limit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Redis } from 'ioredis';
import { Problem } from './problem.ts';
import { isSecret } from './secret.ts';
import type { Service } from './service.ts';

export interface ClientLimits {
  /** Requests of one user. */
  readonly perMinute: number;
  /** Whoever has it is the edge, and says who its clients are: from it all come from one address. */
  readonly edgeKey: string;
}

/** Behind one address there may be a household, or an office. */
const usersPerClient = 4;
const attempts = { max: 10, timeWindow: '5 minutes' } as const;

/**
 * Limits each client before a token or a body is looked at, so that what is refused counts as well, and
 * gives the hook that limits each user.
 */
export async function limitClients(
  app: Service,
  { perMinute, edgeKey }: ClientLimits,
  userOf: (request: FastifyRequest) => string | undefined,
) {
  const clientOf = ({ headers, ip }: FastifyRequest) =>
    isSecret(headers['x-edge-key'], edgeKey) ? String(headers['x-edge-client'] ?? ip) : ip;
  await app.register(rateLimit, { global: false });
  // Of every request, also of those that no route takes.
  const max = perMinute * usersPerClient;
  app.addHook('onRequest', refusing(app.createRateLimit({ max, keyGenerator: clientOf })));
  const keyGenerator = (request: FastifyRequest) => userOf(request) ?? clientOf(request);
  return refusing(app.createRateLimit({ max: perMinute, keyGenerator }));
}

type Limit = ReturnType<Service['createRateLimit']>;

function refusing(limit: Limit) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const used = await limit(request);
    if (used.isAllowed || !used.isExceeded) return;
    reply.header('retry-after', String(used.ttlInSeconds));
    throw new Problem(429, 'too-many', 'Slow down');
  };
}

/**
 * The hook that limits how often one account is tried, by all clients at all instances. While Redis is
 * away nobody is locked out: a password's hash is dear enough to slow down who guesses.
 */
export async function limitAttempts(
  app: Service,
  redisUrl: string,
  keyGenerator: (request: FastifyRequest) => string,
) {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
  redis.on('error', (error) => app.log.debug({ code: Reflect.get(error, 'code') }, 'No Redis'));
  app.addHook('onClose', async () => redis.disconnect());
  const nameSpace = 'shop:attempts:';
  await app.register(rateLimit, { global: false, redis, skipOnError: true, nameSpace });
  return refusing(app.createRateLimit({ ...attempts, keyGenerator }));
}
