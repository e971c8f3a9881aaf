import { createDataLayer } from 'meridian';
import { createApp } from './app.ts';
import { tables } from './tables.ts';

const ending = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => ending.abort());

const data = await createDataLayer({
  topology: 'topology.json',
  region: process.env.REGION ?? 'eu',
  tables,
  redis: process.env.REDIS_URL ?? false,
  systemTables: 'create', // 'verify' in production
  startup: 'lazy', // the outage of one shard is not the outage of all
  signal: ending.signal,
});
const app = createApp(data);
// First no new requests, then no more statements.
app.addHook('onClose', () => data.close({ timeoutMs: 8_000 }));
ending.signal.addEventListener('abort', () => app.close());

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) });
