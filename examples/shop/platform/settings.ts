import { z } from 'zod';

const common = {
  REGION: z.string(),
  PORT: z.coerce.number().int(),
  GATEWAY_KEY: z.string().min(32),
  LOG_LEVEL: z.string().default('info'),
};
const storage = { TOPOLOGY: z.string(), REDIS_URL: z.string() };

/** What a service is told by its environment; it does not start without. */
export function readSettings<Own extends z.ZodRawShape>(own: Own) {
  return z.object({ ...common, ...own }).parse(process.env);
}

export function readDataSettings<Own extends z.ZodRawShape>(own: Own) {
  return readSettings({ ...storage, ...own });
}
