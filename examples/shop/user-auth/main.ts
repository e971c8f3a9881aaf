import { createDataLayer } from 'meridian';
import { z } from 'zod';
import { createService, onlyFromGateway, serve } from '../platform/service.ts';
import { readDataSettings } from '../platform/settings.ts';
import { addRoutes } from './routes.ts';
import { tables } from './tables.ts';
import { Tokens } from './tokens.ts';

const jwk = z.looseObject({ kty: z.literal('EC'), kid: z.string(), d: z.string() });
const settings = readDataSettings({
  DIRECTORY_KEY: z.string().min(32),
  SIGNING_KEYS: z.string().transform((text) => z.array(jwk).min(1).parse(JSON.parse(text))),
});
const { REGION: region, PORT, GATEWAY_KEY, LOG_LEVEL: logLevel, SIGNING_KEYS } = settings;

const app = createService({ name: 'user-auth', region, logLevel, requestIdHeader: 'x-request-id' });
const data = await createDataLayer({
  topology: settings.TOPOLOGY,
  region,
  tables,
  redis: settings.REDIS_URL,
  startup: 'lazy',
  directory: { keyspace: 'ledger', keys: [settings.DIRECTORY_KEY] },
  logger: app.log,
});
onlyFromGateway(app, GATEWAY_KEY);
addRoutes(app, data, new Tokens(data, SIGNING_KEYS));
await serve(app, PORT, () => data.close());
