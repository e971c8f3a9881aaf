import { createDataLayer } from 'meridian';
import { z } from 'zod';
import { addHealth } from '../platform/health.ts';
import { createService, onlyFromGateway, serve } from '../platform/service.ts';
import { readDataSettings } from '../platform/settings.ts';
import { Signer, signingKeys } from '../platform/signing.ts';
import { addRoutes } from './routes.ts';
import { tables } from './tables.ts';

const settings = readDataSettings({ DIRECTORY_KEY: z.string().min(32), SIGNING_KEYS: signingKeys });
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
addHealth(app, data);
await addRoutes(app, data, new Signer(SIGNING_KEYS), settings.REDIS_URL);
await serve(app, PORT, () => data.close());
