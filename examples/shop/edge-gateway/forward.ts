import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Outcome } from 'meridian';
import { createGuard } from 'meridian/resilience';
import { Pool } from 'undici';
import { unavailable } from '../platform/problem.ts';
import type { Claims } from './recognise.ts';

export const services = ['user-auth', 'payment', 'analytics'] as const;
export type ServiceName = (typeof services)[number];
/** Where each service is, by region. */
export type Addresses = Readonly<Record<string, Readonly<Record<ServiceName, string>>>>;

type Errand = { service: ServiceName; region: string; caller: Claims | undefined };

/** Of what a client sends, only this goes on; of what a service answers, only that comes back. */
const passedOn = ['content-type', 'idempotency-key'] as const;
const passedBack = ['content-type', 'retry-after', 'www-authenticate', 'cache-control'] as const;
const unsent = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

export function forwarder(addresses: Addresses, gatewayKey: string, deadlineMs: number) {
  const upstreams = new Map(
    Object.entries(addresses).flatMap(([region, urls]) =>
      services.map((service) => {
        const name = `${service}@${region}`;
        const pool = new Pool(urls[service], { connections: 64, bodyTimeout: deadlineMs });
        return [name, { pool, guard: createGuard(name, { concurrency: 256, queue: 1_024 }) }];
      }),
    ),
  );

  const forward = async (request: FastifyRequest, reply: FastifyReply, errand: Errand) => {
    const { service, region, caller } = errand;
    const upstream = upstreams.get(`${service}@${region}`);
    if (upstream === undefined) throw unavailable('not-applied');
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
    const { method } = request;
    const body = request.body instanceof Buffer ? request.body : null;
    const question = { path: pathname + search, method, headers, body };
    const call = { timeoutMs, idempotent: method === 'GET' };
    const answer = await upstream.guard
      .run(({ signal }) => upstream.pool.request({ ...question, signal }), call)
      .catch((error) => {
        throw unavailable(call.idempotent ? 'not-applied' : outcomeOf(error), error);
      });
    return reply
      .code(answer.statusCode)
      .headers(pick(answer.headers, passedBack))
      .send(answer.body);
  };
  const close = () => Promise.all([...upstreams.values()].map(({ pool }) => pool.close()));
  return { forward, close };
}

const outcomeOf = ({ outcome, code = '' }: { outcome?: Outcome; code?: string }) =>
  outcome ?? (unsent.includes(code) ? 'not-applied' : 'unknown');

function pick(headers: IncomingHttpHeaders, names: readonly string[]) {
  const picked: Record<string, string> = {};
  for (const name of names) if (headers[name]) picked[name] = String(headers[name]);
  return picked;
}
