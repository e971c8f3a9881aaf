import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { consulTopology } from 'meridian/consul';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Opened, type ShardName, TestCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import type { tables } from '../support/tables.ts';
import { type ConsulAgentProcess, startConsulAgent } from './consul-agent.ts';
import type { Position } from './following-child.ts';

const key = 'meridian/topology';
let consul: ConsulAgentProcess;
let cluster: TestCluster;
let epoch = 0;
const opened: Opened<typeof tables>[] = [];

beforeAll(async () => {
  [consul, cluster] = await Promise.all([startConsulAgent(), TestCluster.start()]);
});
afterAll(() => Promise.all([consul?.stop(), cluster?.stop()]));

beforeEach(async () => {
  await cluster.forgetFacts();
  const document = { ...cluster.topology(), epoch: ++epoch };
  await consul.put(`/v1/kv/${key}`, JSON.stringify(document));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ data }) => data.close()));
  const known = await consul.get<Record<string, unknown>>('/v1/agent/services');
  for (const id of Object.keys(known)) await leave(id);
});

const asked = () => ({ url: consul.url, key, endpoints: { service: 'mysql' }, waitMs: 5_000 });

async function open() {
  const begun = await cluster.open({ topology: consulTopology(asked()), redis: false });
  opened.push(begun);
  return begun;
}

/** Registers a server with a check that says how it fares. */
async function join(id: string, shard: ShardName, url: string, role = 'primary'): Promise<void> {
  const { hostname, port } = new URL(url);
  await consul.put(
    '/v1/agent/service/register',
    JSON.stringify({
      ID: id,
      Name: 'mysql',
      Address: hostname,
      Port: Number(port),
      Tags: [role],
      Meta: { shard },
      Check: { CheckID: id, TTL: '10m', Status: 'passing' },
    }),
  );
}

const leave = (id: string) => consul.put(`/v1/agent/service/deregister/${id}`);
const fares = (id: string, how: 'pass' | 'fail') => consul.put(`/v1/agent/check/${how}/${id}`);

it('a data layer follows a server that is registered, moves to another port, and is told of again', async () => {
  const { data, events } = await open();
  const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
  const before = data.topology().revision;
  const [first, second] = [await cluster.proxy('eu-1'), await cluster.proxy('eu-1')];
  for (const [at, { proxy, url }] of [first, second].entries()) {
    await join('db', 'eu-1', url);
    await eventually(() =>
      expect(events.filter(({ type }) => type === 'topology')).toHaveLength(at + 1),
    );
    await data.users.update(id, { name: `Ada ${at}` });
    expect(await data.users.get(id)).toMatchObject({ name: `Ada ${at}` });
    expect(proxy.connections).toBeGreaterThan(0);
  }
  expect(data.topology()).toMatchObject({ epoch, refused: null, fault: null });
  expect(data.topology().revision).toBeGreaterThan(before);
  expect(events.filter(({ type }) => type === 'topology')).toMatchObject([
    { added: ['eu-1/primary'], removed: ['eu-1/primary'] },
    { added: ['eu-1/primary'], removed: ['eu-1/primary'] },
  ]);
});

it.each([
  ['is critical', (id: string) => fares(id, 'fail'), (id: string) => fares(id, 'pass')],
  ['is deregistered', leave, undefined],
] as const)(
  'a server that %s stays the one that is asked, which is told',
  async (_, fall, rise) => {
    const { proxy, url } = await cluster.proxy('eu-1');
    await join('db', 'eu-1', url);
    const { data } = await open();
    await fall('db');
    await eventually(() => expect(data.topology().fault?.message).toMatch(/'?eu-1'?.*known last/));
    const { id } = await data.users.insert({ country: 'DE', name: 'Ada' });
    expect(await data.users.get(id)).toMatchObject({ name: 'Ada' });
    expect(proxy.connections).toBeGreaterThan(0);
    expect(data.topology()).toMatchObject({ epoch, refused: null });
    await (rise?.('db') ?? join('db', 'eu-1', url));
    await eventually(() => expect(data.topology().fault).toBeNull());
  },
);

it('of two primaries that are well none is taken, which is told, until one of them is', async () => {
  const [one, other] = [await cluster.proxy('eu-1'), await cluster.proxy('eu-1')];
  await join('one', 'eu-1', one.url);
  const { data } = await open();
  await join('other', 'eu-1', other.url);
  await eventually(() => expect(data.topology().fault?.message).toMatch(/2 primaries/));
  await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(other.proxy.connections).toBe(0);
  await fares('one', 'fail');
  await eventually(() => expect(data.topology().fault).toBeNull());
  await eventually(() => expect(other.proxy.connections).toBeGreaterThan(0));
  await data.users.insert({ country: 'DE', name: 'Grace' });
});

it('a replica of the catalog is asked while it is well, and no more when it is critical', async () => {
  const { data, events } = await open();
  const { proxy, url } = await cluster.proxy('us-1');
  await join('db', 'us-1', cluster.url('us-1'));
  await join('replica', 'us-1', url, 'replica');
  const swaps = () => events.filter(({ type }) => type === 'topology');
  await eventually(() => expect(swaps()).toMatchObject([{ added: ['us-1/replica-1'] }]));
  const { id } = await data.users.insert({ country: 'US', name: 'Grace' });
  await data.users.get(id, { consistency: 'replica' });
  expect(proxy.connections).toBeGreaterThan(0);
  await fares('replica', 'fail');
  await eventually(() => expect(swaps()).toMatchObject([{}, { removed: ['us-1/replica-1'] }]));
  expect(await data.users.get(id, { consistency: 'replica' })).toMatchObject({ name: 'Grace' });
});

it('the document and the catalog are followed beside each other', async () => {
  const { url } = await cluster.proxy('eu-1');
  await join('db', 'eu-1', url);
  const { data, events } = await open();
  const document = { ...cluster.topology(), epoch: ++epoch, unlistedCountries: 'nearest' };
  await consul.put(`/v1/kv/${key}`, JSON.stringify(document));
  await eventually(() => expect(data.topology()).toMatchObject({ epoch, refused: null }));
  const [swap] = events.filter(({ type }) => type === 'topology');
  expect(swap).toMatchObject({ added: [], removed: [] });
});

it('a Consul that is started anew, with nothing in it, changes nothing, and is followed again', async () => {
  const { proxy, url } = await cluster.proxy('eu-1');
  await join('db', 'eu-1', url);
  const { data } = await open();
  await consul.startAnew();
  await eventually(() => expect(data.topology().fault).not.toBeNull());
  await data.users.insert({ country: 'DE', name: 'Ada' });
  expect(proxy.connections).toBeGreaterThan(0);
  const document = { ...cluster.topology(), epoch: ++epoch };
  await consul.put(`/v1/kv/${key}`, JSON.stringify(document));
  await join('db', 'eu-1', url);
  await eventually(() => expect(data.topology()).toMatchObject({ epoch, fault: null }), {
    timeout: 40_000,
  });
});

it('four processes follow one change', async () => {
  const child = fileURLToPath(new URL('./following-child.ts', import.meta.url));
  const tsx = ['--import', 'tsx', child, JSON.stringify(asked())];
  const children: ChildProcess[] = [];
  const positions = new Map<number, Position>();
  try {
    for (let number = 0; number < 4; number++) {
      const process_ = spawn(process.execPath, tsx, {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      process_.on('message', (position: Position) => positions.set(number, position));
      children.push(process_);
    }
    await eventually(() => expect(positions.size).toBe(4), { timeout: 40_000 });
    const { url } = await cluster.proxy('eu-1');
    const changedAtMs = performance.timeOrigin + performance.now();
    await join('db', 'eu-1', url);
    const isThere = (position: Position) => position.added.includes('eu-1/primary');
    await eventually(() => expect([...positions.values()].filter(isThere)).toHaveLength(4));
    const slowest = Math.max(...[...positions.values()].map(({ atMs }) => atMs - changedAtMs));
    console.log(`four processes are on the changed address ${Math.round(slowest)} ms later`);
  } finally {
    for (const one of children) one.disconnect();
    await Promise.all(children.map((one) => new Promise((resolve) => one.once('exit', resolve))));
  }
});
