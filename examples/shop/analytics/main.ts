import { createDataLayer } from 'meridian';
import { addHealth } from '../platform/health.ts';
import { createService, onlyFromGateway, serve } from '../platform/service.ts';
import { readDataSettings } from '../platform/settings.ts';
import { addRoutes } from './routes.ts';
import { tables } from './tables.ts';

const settings = readDataSettings({});
const { REGION: region, PORT, GATEWAY_KEY, LOG_LEVEL: logLevel } = settings;

const app = createService({ name: 'analytics', region, logLevel, requestIdHeader: 'x-request-id' });
const data = await createDataLayer({
  topology: settings.TOPOLOGY,
  region,
  tables,
  redis: settings.REDIS_URL,
  startup: 'lazy',
  logger: app.log,
});
onlyFromGateway(app, GATEWAY_KEY);
addHealth(app, data);
addRoutes(app, data);
await serve(app, PORT, () => data.close());
