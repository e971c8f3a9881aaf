import { consulTopology } from 'meridian/consul';
import { afterEach, describe, expect, it } from 'vitest';
import { CatalogEndpoints } from '../../../src/consul/catalog-endpoints.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';
import {
  answersWith,
  type ConsulSpeaker,
  eachHas,
  holds,
  isSilent,
  startConsulSpeaker,
} from '../../support/servers/consul-speaker.ts';

const password = ['$', '{DB_PASSWORD}'].join('');
const urlOf = (at: string, name = 'shop') => `mysql://app:${password}@${at}/${name}?tls=off`;
const document = {
  epoch: 3,
  regions: {
    eu: { code: 1, location: [50, 8] },
    us: { code: 2, location: [39, -77] },
  },
  shards: {
    'eu-1': { region: 'eu', primary: urlOf('db-1.internal') },
    'eu-2': { region: 'eu', primary: urlOf('db-2.internal:3307', 'shop2'), weight: 2 },
  },
  keyspaces: { people: { code: 1, strategy: 'hash', shards: ['eu-1', 'eu-2'] } },
};

function instance(shard: string, role: string, address: string, port = 3306, region?: string) {
  const meta = { shard, ...(region !== undefined && { region }) };
  const service = { ID: `${address}-${port}`, Address: address, Port: port, Tags: [role, 'v8'] };
  return { Node: { Address: '10.0.0.9' }, Service: { ...service, Meta: meta }, Checks: [] };
}

const primary = (shard: string, address: string, port?: number) =>
  instance(shard, 'primary', address, port);
const replica = (shard: string, address: string, port?: number, region?: string) =>
  instance(shard, 'replica', address, port, region);

describe('a document with the servers of the catalog', () => {
  const follow = () => {
    const catalog = new CatalogEndpoints("consul service 'mysql'");
    return (instances: unknown, given: unknown = document, index = 0) =>
      catalog.compose(given, JSON.stringify(instances), index);
  };

  it('has their addresses, and user, password, database and all else of the document', () => {
    const compose = follow();
    const servers = [
      primary('eu-1', '10.0.0.1', 3_310),
      replica('eu-1', '10.0.0.3', 3_306, 'us'),
      replica('eu-1', '10.0.0.2'),
      primary('eu-2', 'fd00::2'),
      primary('other', '10.0.0.5'),
    ];
    expect(compose(servers, document, 41)).toEqual({
      document: {
        ...document,
        revision: 41,
        shards: {
          'eu-1': {
            region: 'eu',
            primary: urlOf('10.0.0.1:3310'),
            replicas: [urlOf('10.0.0.2:3306'), { url: urlOf('10.0.0.3:3306'), region: 'us' }],
          },
          'eu-2': {
            ...document.shards['eu-2'],
            primary: urlOf('[fd00::2]:3306', 'shop2'),
            replicas: [],
          },
        },
      },
      problems: [],
    });
  });

  it('is the same one while the catalog says the same, and has a larger revision when it does not', () => {
    const compose = follow();
    const [first, again, moved, back] = [
      compose([primary('eu-1', 'a')], document, 70),
      compose([{ ...primary('eu-1', 'a'), Checks: [{ Output: 'another' }] }], document, 80),
      compose([primary('eu-1', 'b')], document, 12),
      compose([primary('eu-1', 'a')], document, 12),
    ];
    expect(again.document).toBe(first.document);
    expect([first, moved, back].map((one) => one.document)).toMatchObject([
      { revision: 70 },
      { revision: 71 },
      { revision: 72 },
    ]);
  });

  it.each([
    [
      'two primaries',
      [primary('eu-1', 'b'), primary('eu-1', 'c')],
      /2 primaries that are well, 'b-3306' and 'c-3306'/,
    ],
    ['no primary', [replica('eu-1', 'b')], /no primary that is well/],
    ['nobody', [], /no server that is well/],
  ])(
    'keeps the primary known last where a shard has %s that are well, which is told',
    (_, instances, message) => {
      const compose = follow();
      compose([primary('eu-1', 'a')]);
      const { document: composed, problems } = compose(instances);
      expect(composed).toMatchObject({ shards: { 'eu-1': { primary: urlOf('a:3306') } } });
      expect(problems).toEqual([{ path: 'shards.eu-1', message: expect.stringMatching(message) }]);
    },
  );

  it('keeps all servers where the catalog is empty, from the first on', () => {
    const compose = follow();
    expect(compose([])).toEqual({ document: { ...document, revision: 1 }, problems: [] });
    const servers = [primary('eu-1', 'a'), replica('eu-1', 'b')];
    const { document: known } = compose(servers);
    expect(compose([]).document).toBe(known);
  });

  it('has the primary that an operator wrote since, where the catalog has none', () => {
    const compose = follow();
    compose([primary('eu-1', 'a'), replica('eu-1', 'b')]);
    const shards = { ...document.shards, 'eu-1': { region: 'eu', primary: urlOf('b:3306') } };
    const { document: composed } = compose([replica('eu-1', 'b')], {
      ...document,
      epoch: 4,
      shards,
    });
    expect(composed).toMatchObject({
      epoch: 4,
      shards: { 'eu-1': { primary: urlOf('b:3306'), replicas: [] } },
    });
  });

  it.each([
    [
      'no shard',
      { ...primary('eu-1', 'b'), Service: { Address: 'b', Port: 1, Tags: ['primary'] } },
    ],
    ['no role', instance('eu-1', 'backup', 'b')],
    ['no port', primary('eu-1', 'b', 0)],
    ['an address that is none', primary('eu-1', 'b/x@c')],
    ['a port in its address', primary('eu-1', '10.0.0.1:3306')],
    ['a zone in its address', primary('eu-1', 'fe80::1%eth0')],
    ['no form', 'instance'],
  ])('leaves an instance out that has %s', (_, instances) => {
    const compose = follow();
    const { document: composed } = compose([primary('eu-1', 'a'), instances]);
    expect(composed).toMatchObject({ shards: { 'eu-1': { primary: urlOf('a:3306') } } });
  });

  it('leaves a replica out that is in a region unknown, or is the primary, which one server for two instances is not', () => {
    const compose = follow();
    const servers = [
      primary('eu-1', 'a'),
      primary('eu-1', 'a'),
      replica('eu-1', 'a'),
      replica('eu-1', 'b'),
      replica('eu-1', 'b'),
      replica('eu-1', 'c', 3_306, 'constructor'),
    ];
    const { document: composed, problems } = compose(servers);
    expect(composed).toMatchObject({ shards: { 'eu-1': { replicas: [urlOf('b:3306')] } } });
    expect(problems).toEqual([
      { path: 'shards.eu-1', message: expect.stringMatching(/'constructor'/) },
    ]);
  });

  it.each([
    ['a primary', [primary('eu-1', 'a')]],
    ['a replica only', [replica('eu-1', 'b')]],
    ['two primaries', [primary('eu-1', 'a'), primary('eu-1', 'b'), replica('eu-1', 'c')]],
  ])('keeps URLs whose host can not be told from the rest, which is told, by %s', (_, servers) => {
    const compose = follow();
    const own = { region: 'eu', primary: password, replicas: [password] };
    const shards = { ...document.shards, 'eu-1': own };
    const { document: composed, problems } = compose(servers, { ...document, shards });
    expect(composed).toMatchObject({ shards: { 'eu-1': own } });
    expect(problems).toEqual([
      { path: 'shards.eu-1', message: expect.stringMatching(/can not be replaced/) },
    ]);
  });

  it('has addresses of IPv6, and a protocol in whatever case', () => {
    const compose = follow();
    const shards = { ...document.shards, 'eu-1': { region: 'eu', primary: 'MySQL://a:b@h/d' } };
    const { document: composed } = compose([primary('eu-1', 'fd00::7')], { ...document, shards });
    expect(composed).toMatchObject({
      shards: { 'eu-1': { primary: 'MySQL://a:b@[fd00::7]:3306/d' } },
    });
  });

  it('may lose the last replica of a region for a while', () => {
    const compose = follow();
    const { document: composed } = compose([primary('eu-1', '127.0.0.1')]);
    process.env.DB_PASSWORD = 'x';
    expect(createTopology(composed, [])).toMatchObject({ revision: 1 });
  });

  it.each([[null], [{ epoch: 1 }], [{ ...document, shards: { 'eu-1': {} } }]])(
    'is handed on as it is where it is none: %o',
    (given) => {
      expect(follow()([primary('eu-1', 'a')], given)).toEqual({ document: given, problems: [] });
    },
  );

  it('is none where the catalog is no list of instances', () => {
    expect(() => follow()({ error: 's3cret' })).toThrow(/no list of instances/);
  });
});

describe('a source with a catalog', () => {
  let consul: ConsulSpeaker;
  const watching = new AbortController();
  afterEach(() => consul?.close());

  const kept = (epoch: number) => holds(JSON.stringify({ ...document, epoch }), epoch);
  const lists = (index: number, ...instances: unknown[]) => holds(JSON.stringify(instances), index);
  const seenIn = (documents: readonly unknown[]) =>
    documents.map((one) => ({
      epoch: Reflect.get(Object(one), 'epoch'),
      primary: JSON.stringify(one).match(/@([^/]+)\//)?.[1],
    }));

  async function sourceOf(...answers: Parameters<typeof eachHas>) {
    consul = await startConsulSpeaker(eachHas(...answers));
    const endpoints = { service: 'mysql' };
    return consulTopology({ url: consul.url, key: 'k', endpoints, waitMs: 1_000 });
  }

  async function watched(source: ReturnType<typeof consulTopology>, count: number) {
    const documents: unknown[] = [];
    for await (const one of source.watch?.(watching.signal) ?? []) {
      documents.push(one);
      if (documents.length === count) break;
    }
    return seenIn(documents);
  }

  it('is none where the token does not see all of it', async () => {
    const hidden = answersWith(200, { 'x-consul-results-filtered-by-acls': 'true' });
    consul = await startConsulSpeaker(eachHas([holds(JSON.stringify(document), 5)], [hidden]));
    const source = consulTopology({ url: consul.url, key: 'k', endpoints: { service: 'mysql' } });
    await expect(source.load()).rejects.toThrow(/hides a part.*the service and its nodes/);
  });

  it('asks for all servers of a service that are well, in one question', async () => {
    const source = await sourceOf([kept(3)], [lists(5, primary('eu-1', 'a'))]);
    expect(seenIn([await source.load()])).toEqual([{ epoch: 3, primary: 'a:3306' }]);
    expect(consul.asked.map(({ href }) => href).sort()).toEqual([
      'http://consul/v1/health/service/mysql?passing=&stale=',
      'http://consul/v1/kv/k?raw=&stale=',
    ]);
  });

  it('gives another document when either of the two has changed', async () => {
    const source = await sourceOf(
      [kept(3), isSilent],
      [lists(5, primary('eu-1', 'a')), lists(6, primary('eu-1', 'b')), isSilent],
    );
    expect(await watched(source, 2)).toEqual([
      { epoch: 3, primary: 'a:3306' },
      { epoch: 3, primary: 'b:3306' },
    ]);
    await consul.close();
    const other = await sourceOf(
      [kept(3), kept(4), isSilent],
      [lists(5, primary('eu-1', 'a')), isSilent],
    );
    expect((await watched(other, 2)).map(({ epoch }) => epoch)).toEqual([3, 4]);
  });

  it.each([
    ['fails', answersWith(500), /answers 500/],
    ['is no list', holds('{"s3cret":1}', 6), /no list of instances/],
    ['may not be read', answersWith(403), /not allowed/],
  ])('gives nothing and tells it when the catalog %s', async (_, answer, message) => {
    const source = await sourceOf([kept(3), isSilent], [lists(5, primary('eu-1', 'a')), answer]);
    const given: unknown[] = [];
    const following = (async () => {
      for await (const one of source.watch?.(watching.signal) ?? []) given.push(one);
    })();
    await expect(following).rejects.toThrow(message);
    expect(seenIn(given)).toEqual([{ epoch: 3, primary: 'a:3306' }]);
  });

  it('tells once that a shard has two primaries, and gives the document again when it has one', async () => {
    const [a, b] = [primary('eu-1', 'a'), primary('eu-1', 'b')];
    const both = lists(6, a, b);
    const source = await sourceOf([kept(3)], [lists(5, a), both, both, both, both, lists(7, a)]);
    const given: unknown[] = [];
    const following = (async () => {
      for await (const one of source.watch?.(watching.signal) ?? []) given.push(one);
    })();
    await expect(following).rejects.toThrow(/2 primaries/);
    const [again] = await watched(source, 1);
    expect([...seenIn(given), again]).toEqual(
      given.concat(0).map(() => ({ epoch: 3, primary: 'a:3306' })),
    );
    expect(
      consul.asked.filter(({ pathname }) => pathname.includes('health')).length,
    ).toBeGreaterThan(5);
  });
});
