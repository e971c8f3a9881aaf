import {
  type ChaosProxy,
  type LocalCluster,
  startChaosProxy,
  startLocalCluster,
} from 'meridian/testing';
import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { readEndpointUrl } from '../../../src/config/endpoint-url.ts';
import { Endpoints } from '../../../src/execution/endpoints.ts';
import { Executor } from '../../../src/execution/executor.ts';
import { Deadline } from '../../../src/resilience/time/deadline.ts';
import type { Endpoint } from '../../../src/topology/topology.ts';
import { failureOf } from '../../support/cluster.ts';

let cluster: LocalCluster<'one'>;
let proxy: ChaosProxy;
let admin: Connection;
let endpoints: Endpoints;
let executor: Executor;
let primary: Endpoint;
let retries: number;

beforeAll(async () => {
  cluster = await startLocalCluster({ shards: ['one'] });
  const { url, adminUrl } = cluster.shards.one.primary;
  proxy = await startChaosProxy({ target: url });
  admin = await mysql.createConnection(adminUrl);
  await admin.query('CREATE TABLE counters (id INT PRIMARY KEY, n INT NOT NULL)');
  const address = readEndpointUrl(proxy.urlFor(url));
  if (typeof address === 'string') throw new Error(address);
  primary = {
    name: 'one/primary',
    path: 'shards.one.primary',
    shard: 'one',
    role: 'primary',
    region: 'eu',
    address,
  };
  const breaker = {
    failures: 100,
    openMs: 1_000,
    rampMs: 0,
    stallMs: 60_000,
    probeTimeoutMs: 1_000,
  };
  const pool = {
    connections: 2,
    queue: 10,
    connectTimeoutMs: 5_000,
    adaptive: false,
    throttle: false,
  };
  endpoints = new Endpoints({ ...pool, breaker }, () => {});
  const retry = { attempts: 3, baseMs: 1, maxMs: 5, budget: 1, hedge: false };
  executor = new Executor(endpoints, retry, ({ type }) => {
    if (type === 'retry') retries++;
  });
});

afterAll(async () => {
  await endpoints.close();
  await admin.end();
  await proxy.close();
  await cluster.stop();
});

beforeEach(async () => {
  retries = 0;
  await admin.query('REPLACE INTO counters VALUES (1, 0)');
});

const counter = async () => (await admin.query<RowDataPacket[]>('SELECT n FROM counters'))[0][0]?.n;
const within = async <T>(work: (deadline: Deadline) => Promise<T>): Promise<T> => {
  const deadline = new Deadline(10_000);
  try {
    return await work(deadline);
  } finally {
    deadline.end();
  }
};

it('a repeatable write whose reply was lost is sent again', async () => {
  const set = { sql: 'UPDATE counters SET n = 7 WHERE id = ?', params: [1] };
  proxy.dropReplyTo(/UPDATE/);
  const { affected } = await within((deadline) => executor.runRepeatable(primary, set, deadline));
  expect({ affected, retries }).toEqual({ affected: 1, retries: 1 });
  expect(await counter()).toBe(7);
});

it('any other write is not: its outcome is unknown', async () => {
  const add = { sql: 'UPDATE counters SET n = n + 1 WHERE id = ?', params: [1] };
  proxy.dropReplyTo(/UPDATE/);
  const failure = await failureOf(
    within((deadline) => executor.runStatement([primary], add, 'write', deadline)),
  );
  expect(failure).toMatchObject({ code: 'MERIDIAN_UNKNOWN_OUTCOME', outcome: 'unknown' });
  expect({ retries, n: await counter() }).toEqual({ retries: 0, n: 1 });
});
