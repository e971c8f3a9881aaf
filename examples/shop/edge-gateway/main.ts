import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { createService, serve } from '../platform/service.ts';
import { readSettings } from '../platform/settings.ts';
import { forwarder, services } from './forward.ts';
import { regionFinder } from './nearest.ts';
import { recogniser } from './recognise.ts';
import { addRoutes } from './routes.ts';

const addresses = z.record(z.string(), z.record(z.enum(services), z.url()));
const topology = z.object({
  regions: z.record(
    z.string(),
    z.object({ code: z.int(), location: z.tuple([z.number(), z.number()]) }),
  ),
});
const settings = readSettings({
  TOPOLOGY: z.string(),
  JWKS_URL: z.url(),
  SERVICES: z.string().transform((text) => addresses.parse(JSON.parse(text))),
  EDGE_KEY: z.string().min(32),
  REQUESTS_PER_MINUTE: z.coerce.number().int().default(600),
  DEADLINE_MS: z.coerce.number().default(5_000),
});
const { REGION: region, PORT, GATEWAY_KEY, LOG_LEVEL: logLevel } = settings;

const { regions } = topology.parse(JSON.parse(await readFile(settings.TOPOLOGY, 'utf8')));
const known = Object.entries(regions).map(([name, at]) => ({ name, ...at }));

const app = createService({ name: 'edge-gateway', region, logLevel });
const { forward, close } = forwarder(settings.SERVICES, GATEWAY_KEY, settings.DEADLINE_MS);
await addRoutes(app, {
  recognise: recogniser(settings.JWKS_URL),
  regionOf: regionFinder(known, region, settings.EDGE_KEY),
  forward,
  limits: { perMinute: settings.REQUESTS_PER_MINUTE, edgeKey: settings.EDGE_KEY },
});
await serve(app, PORT, close);
