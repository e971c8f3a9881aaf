import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';
import { forwarder } from '../../../examples/shop/edge-gateway/forward.ts';
import { regionFinder } from '../../../examples/shop/edge-gateway/nearest.ts';
import { recogniser } from '../../../examples/shop/edge-gateway/recognise.ts';
import { addRoutes } from '../../../examples/shop/edge-gateway/routes.ts';
import { newSigningKey } from '../../../examples/shop/local/shop.ts';
import { createService } from '../../../examples/shop/platform/service.ts';

/** What a service behind the gateway was sent. */
export interface Arrival {
  readonly region: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

export interface GatewayRig {
  readonly url: string;
  readonly key: JWK;
  readonly edgeKey: string;
  readonly arrivals: Arrival[];
  /** What `/jwks` answers; null is a failure. */
  publish(keys: JWK[] | null): void;
  /** How often it was asked for. */
  readonly jwksFetches: () => number;
  /** Services take connections, and answer nothing. */
  hang(): void;
  /** Nobody listens where the services of a region were. */
  goAway(region: 'eu' | 'jp'): Promise<void>;
  stop(): Promise<void>;
}

const regions = [
  { name: 'eu', code: 1, location: [50.1, 8.7] as const },
  { name: 'jp', code: 2, location: [35.7, 139.7] as const },
];

/** The gateway in this process, in front of servers that keep what reaches them. */
export async function startGateway({ requestsPerMinute = 10_000, deadlineMs = 5_000 } = {}) {
  const key = await newSigningKey('key-1');
  let published: JWK[] | null = [openPart(key)];
  let fetches = 0;
  const jwks = await listen((_, response) => {
    fetches++;
    response.writeHead(published === null ? 500 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ keys: published ?? [] }));
  });
  const arrivals: Arrival[] = [];
  let hangs = false;
  const upstream = (region: string) =>
    listen(({ url = '', headers }, response) => {
      arrivals.push({ region, url, headers });
      if (hangs) return;
      response.writeHead(200, {
        'content-type': 'application/json',
        'set-cookie': 'inner=1',
        'x-powered-by': 'inner',
      });
      response.end('{}');
    });
  const servers = { eu: await upstream('eu'), jp: await upstream('jp') };
  const addresses = Object.fromEntries(
    Object.entries(servers).map(([region, server]) => {
      const url = urlOf(server);
      return [region, { 'user-auth': url, payment: url, analytics: url }];
    }),
  );
  const edgeKey = 'an-edge-key-of-more-than-32-letters';
  const app = createService({ name: 'edge-gateway', region: 'eu', logLevel: 'silent' });
  const { forward, close } = forwarder(addresses, 'the-gateway-key', deadlineMs);
  await addRoutes(app, {
    recognise: recogniser(`${urlOf(jwks)}/jwks`),
    regionOf: regionFinder(regions, 'eu', edgeKey),
    forward,
    limits: { perMinute: requestsPerMinute, edgeKey },
  });
  const rig: GatewayRig = {
    url: await app.listen({ host: '127.0.0.1', port: 0 }),
    key,
    edgeKey,
    arrivals,
    publish: (keys) => {
      published = keys === null ? null : keys.map(openPart);
    },
    jwksFetches: () => fetches,
    hang: () => {
      hangs = true;
    },
    goAway: (region) => end(servers[region]),
    stop: async () => {
      await app.close();
      await close();
      await Promise.all([jwks, ...Object.values(servers)].map(end));
    },
  };
  return rig;
}

export function openPart({ d: _, ...open }: JWK): JWK {
  return { ...open, alg: 'ES256', use: 'sig' };
}

async function listen(handler: Parameters<typeof createServer>[1] & object): Promise<Server> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  const address = server.address() as AddressInfo;
  return `http://127.0.0.1:${address.port}`;
}

async function end(server: Server): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
