import { once } from 'node:events';
import { Readable } from 'node:stream';
import { createGuard } from 'meridian/resilience';
import { z } from 'zod';
import { supportOnly } from '../platform/caller.ts';
import { type Service, timeLeft } from '../platform/service.ts';
import { accounts, type Data, transactions } from './tables.ts';

const shardTotal = z.object({
  region: z.string(),
  checkouts: z.coerce.number(),
  cents: z.coerce.number(),
});
const top = z.strictObject({ limit: z.coerce.number().int().min(1).max(100).default(10) });
const account = accounts.schema.pick({ id: true, cents: true });
/** Each holds a connection to every shard: the rest of the service must have some too. */
const exportMs = 60_000;
const exports = createGuard('exports', { concurrency: 2, queue: 0, timeoutMs: exportMs });
const columns = ['id', 'account_id', 'kind', 'item', 'cents', 'region', 'at'] as const;

export function addRoutes(app: Service, data: Data): void {
  app.addHook('onRequest', async (request) => {
    if (!request.routeOptions.config.open) supportOnly(request);
  });

  app.get('/analytics/regions', { schema: { querystring: z.object({}) } }, async (_, reply) => {
    const ofShards = await data.transactions.everywhere.each(
      `SELECT region, COUNT(*) AS checkouts, -SUM(cents) AS cents FROM transactions
        WHERE kind = 'checkout' GROUP BY region`,
      [],
      { ...timeLeft(reply), schema: shardTotal },
    );
    const totals = new Map<string, { checkouts: number; cents: number }>();
    for (const { region, checkouts, cents } of ofShards.flatMap(({ rows }) => rows)) {
      const sofar = totals.get(region) ?? { checkouts: 0, cents: 0 };
      totals.set(region, { checkouts: sofar.checkouts + checkouts, cents: sofar.cents + cents });
    }
    return Object.fromEntries(totals);
  });

  app.get(
    '/analytics/accounts/top',
    { schema: { querystring: top } },
    async ({ query: { limit } }, reply) =>
      data.accounts.everywhere.query(
        'SELECT id, cents FROM accounts ORDER BY cents DESC, id LIMIT ?',
        [limit],
        {
          ...timeLeft(reply),
          schema: account,
          merge: {
            orderBy: [
              ['cents', 'desc'],
              ['id', 'asc'],
            ],
            limit,
          },
        },
      ),
  );

  app.get('/analytics/transactions.csv', { schema: { querystring: z.object({}) } }, (_, reply) =>
    exports.run(async ({ signal }) => {
      const options = { schema: transactions.schema, timeoutMs: exportMs, signal };
      const rows = data.transactions.everywhere.stream('SELECT * FROM transactions', [], options);
      reply.header('content-type', 'text/csv; charset=utf-8');
      const closed = once(reply.raw, 'close');
      reply.send(Readable.from(csv(rows)));
      await closed;
    }),
  );
}

/** The head goes with the first row: until there is one, a failure is still told by a status. */
async function* csv(rows: AsyncIterable<z.output<typeof transactions.schema>>) {
  let head = `${columns.join(',')}\n`;
  for await (const row of rows) {
    yield `${head}${columns.map((column) => cell(row[column])).join(',')}\n`;
    head = '';
  }
  yield head;
}

/** No cell begins as a formula does: spreadsheets would run it. */
function cell(value: string | number | Date | null): string {
  if (typeof value !== 'string')
    return value instanceof Date ? value.toISOString() : `${value ?? ''}`;
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
