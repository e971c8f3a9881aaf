import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type ClientLimits, limitClients } from '../platform/limit.ts';
import { Problem } from '../platform/problem.ts';
import type { Service } from '../platform/service.ts';
import type { forwarder, ServiceName } from './forward.ts';
import type { regionFinder } from './nearest.ts';
import type { Claims, recogniser } from './recognise.ts';

type Access = 'anyone' | 'user' | 'support';
type Route = readonly ['GET' | 'POST' | 'PATCH', string, ServiceName, Access];

const routes: readonly Route[] = [
  ['POST', '/users', 'user-auth', 'anyone'],
  ['POST', '/sessions', 'user-auth', 'anyone'],
  ['POST', '/tokens', 'user-auth', 'anyone'],
  ['GET', '/profile', 'user-auth', 'user'],
  ['PATCH', '/profile', 'user-auth', 'user'],
  ['POST', '/users/:id/relocation', 'user-auth', 'support'],
  ['POST', '/accounts', 'payment', 'user'],
  ['GET', '/accounts', 'payment', 'user'],
  ['GET', '/accounts/:id/transactions', 'payment', 'user'],
  ['POST', '/checkouts', 'payment', 'user'],
  ['POST', '/transfers', 'payment', 'user'],
  ['GET', '/analytics/regions', 'analytics', 'support'],
  ['GET', '/analytics/accounts/top', 'analytics', 'support'],
  ['GET', '/analytics/transactions.csv', 'analytics', 'support'],
];

/** What a path may hold; bodies and queries are checked by the services that read them. */
const schema = { params: z.object({ id: z.uuid().optional() }) };

export interface Gateway {
  readonly recognise: ReturnType<typeof recogniser>;
  readonly regionOf: ReturnType<typeof regionFinder>;
  readonly forward: ReturnType<typeof forwarder>['forward'];
  readonly limits: ClientLimits;
}

export async function addRoutes(app: Service, gateway: Gateway): Promise<void> {
  const callers = new WeakMap<FastifyRequest, Claims>();
  const json = { parseAs: 'buffer' } as const;
  app.addContentTypeParser('application/json', json, (_, body, done) => done(null, body));
  const ofUser = await limitClients(app, gateway.limits, (request) => callers.get(request)?.sub);

  for (const [method, url, service, access] of routes) {
    const onRequest = async (request: FastifyRequest) => {
      if (access === 'anyone') return;
      const caller = await gateway.recognise(request.headers.authorization);
      if (access === 'support' && caller.role !== 'support') {
        throw new Problem(403, 'support-only', 'Only support staff may do this');
      }
      callers.set(request, caller);
    };
    app.route({
      method,
      url,
      schema,
      onRequest,
      preParsing: access === 'anyone' ? [] : ofUser,
      handler: (request, reply) => {
        const caller = callers.get(request);
        const region = gateway.regionOf(request, caller?.country);
        return gateway.forward(request, reply, { service, region, caller });
      },
    });
  }
}
