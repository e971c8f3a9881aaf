import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { createDataLayer, defineTable, isMeridianError } from 'meridian';
import { createPool } from 'mysql2/promise';
import { z } from 'zod';
import { type ServiceOrder, serviceOrder } from './orders.ts';

/** A child process: answers each line `number shard` with `number status`, by one statement on that shard. */

// About a millisecond of the server's processor.
const statement = 'SELECT COUNT(*) AS n FROM work a JOIN work b ON a.id <> b.id WHERE a.id <= ?';
const param = 200;
const connections = 10;

const rows = defineTable({
  name: 'work',
  keyspace: 'ledger',
  primaryKey: 'id',
  schema: z.object({ id: z.int() }),
});

type Ask = (shard: number) => Promise<unknown>;

async function meridian({ urls, timeoutMs }: ServiceOrder): Promise<Ask> {
  const names = urls.map((_, index) => `tx-${index}`);
  const data = await createDataLayer({
    topology: {
      epoch: 1,
      regions: { eu: { code: 1, location: [50, 8], countries: ['DE'], default: true } },
      shards: Object.fromEntries(
        urls.map((url, index) => [`tx-${index}`, { region: 'eu', primary: url }]),
      ),
      keyspaces: { ledger: { code: 1, strategy: 'hash', shards: names } },
    },
    tables: { rows },
    redis: false,
    systemTables: 'create',
    pool: { connections },
    logger: false,
    timeoutMs,
  });
  const keys = names.map((name) => {
    for (let key = 0; ; key++) if (data.rows.explain(key).shard === name) return key;
  });
  const handles = keys.map((key) => data.rows.at(key));
  return async (shard) => handles[shard]?.query(statement, [param]);
}

function mysql2({ urls, timeoutMs }: ServiceOrder): Ask {
  const pools = urls.map((uri) => createPool({ uri, connectionLimit: connections }));
  return async (shard) =>
    pools[shard]?.execute({ sql: statement, values: [param], timeout: timeoutMs });
}

function serve(ask: Ask, socket: Socket): void {
  socket.setNoDelay(true);
  const answer = (number: string, status: string) => {
    // The generator has seen enough.
    if (socket.writable) socket.write(`${number} ${status}\n`);
  };
  const lines = createInterface({ input: socket });
  // The generator hangs up when it has seen enough, whatever is still on its way.
  lines.on('error', () => socket.destroy());
  lines.on('line', (line) => {
    const [number = '', shard = ''] = line.split(' ');
    ask(Number(shard)).then(
      () => answer(number, 'ok'),
      (error: unknown) => answer(number, isMeridianError(error) ? error.code : 'driver-error'),
    );
  });
}

process.once('message', async (message) => {
  const order = serviceOrder.parse(message);
  const ask = order.kind === 'meridian' ? await meridian(order) : mysql2(order);
  const server = createServer((socket) => serve(ask, socket));
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
  });
});
process.on('disconnect', () => process.exit());
