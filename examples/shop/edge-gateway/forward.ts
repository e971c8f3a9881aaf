import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createGuard } from 'meridian/resilience';
import { Pool } from 'undici';
import { Problem } from '../platform/problem.ts';
import type { Claims } from './recognise.ts';

export const services = ['user-auth', 'payment', 'analytics'] as const;
export type ServiceName = (typeof services)[number];
/** Where each service is, by region. */
export type Addresses = Readonly<Record<string, Readonly<Record<ServiceName, string>>>>;

type Errand = { service: ServiceName; region: string; caller: Claims | undefined };

/** Of what a client sends, only this goes on; of what a service answers, only that comes back. */
const passedOn = ['content-type', 'idempotency-key'] as const;
const passedBack = ['content-type', 'retry-after'] as const;

export function forwarder(addresses: Addresses, gatewayKey: string, deadlineMs: number) {
  const upstreams = new Map(
    Object.entries(addresses).flatMap(([region, urls]) =>
      services.map((service) => {
        const name = `${service}@${region}`;
        const pool = new Pool(urls[service], { connections: 64 });
        return [name, { pool, guard: createGuard(name, { concurrency: 256, queue: 1_024 }) }];
      }),
    ),
  );

  const forward = async (request: FastifyRequest, reply: FastifyReply, errand: Errand) => {
    const { service, region, caller } = errand;
    const upstream = upstreams.get(`${service}@${region}`);
    if (upstream === undefined) throw new Problem(503, 'unavailable', 'No such region is served');
    const { pathname, search } = new URL(request.url, 'http://shop');
    const timeoutMs = Math.max(1, deadlineMs - reply.elapsedTime);
    const headers = {
      ...pick(request.headers, passedOn),
      ...(caller && { 'x-user-id': caller.sub, 'x-user-role': caller.role }),
      'x-gateway-key': gatewayKey,
      'x-request-id': request.id,
      'x-deadline-ms': String(Math.floor(timeoutMs)),
      'x-region': region,
    };
    const answer = await upstream.guard.run(
      ({ signal }) =>
        upstream.pool.request({
          path: pathname + search,
          method: request.method,
          headers,
          body: request.body instanceof Buffer ? request.body : null,
          signal,
        }),
      { timeoutMs, idempotent: request.method === 'GET' },
    );
    return reply
      .code(answer.statusCode)
      .headers(pick(answer.headers, passedBack))
      .send(answer.body);
  };
  const close = () => Promise.all([...upstreams.values()].map(({ pool }) => pool.close()));
  return { forward, close };
}

function pick(headers: IncomingHttpHeaders, names: readonly string[]) {
  const picked: Record<string, string> = {};
  for (const name of names) if (headers[name]) picked[name] = String(headers[name]);
  return picked;
}
