import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { proxysqlDoctor } from 'meridian/proxysql';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ping } from '../../../src/mysql/server/ping.ts';
import { eventually } from '../../support/eventually.ts';

/** Takes connections, says nothing, and closes none. */
const sockets = new Set<Socket>();
const server = createServer({ allowHalfOpen: true }, (socket) => {
  sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
});
let port: number;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

const nothing = {
  mysql_servers: [],
  mysql_replication_hostgroups: [],
  mysql_users: [],
  mysql_query_rules: [],
  global_variables: [],
};
const login = { user: 'app', password: 's3cret', database: 'main', tls: 'off' } as const;

it.each([
  ['a probe', () => ping({ host: '127.0.0.1', port, ...login }, 50), /did not answer a ping/],
  [
    'the doctor of a ProxySQL',
    () =>
      proxysqlDoctor(
        `mysql://app:s3cret@127.0.0.1:${port}/main`,
        { tables: nothing },
        { timeoutMs: 50 },
      ),
    /can not be asked: no whole answer within 50 ms/,
  ],
])(
  '%s ends where nobody answers, and holds no socket',
  async (_, ask, message) => {
    const open = () =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length -
      sockets.size;
    const before = open();
    await expect(ask()).rejects.toThrow(message);
    await eventually(() => expect(open()).toBe(before));
  },
  3_000,
);
