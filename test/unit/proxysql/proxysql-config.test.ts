import type { TopologyDocument } from 'meridian';
import { proxysqlConfig } from 'meridian/proxysql';
import { describe, expect, it } from 'vitest';
import { whyUnpinned } from '../../../src/mysql/server/pinned-session.ts';
import { compare, type RuntimeTables } from '../../../src/proxysql/compare.ts';
import { createTopology } from '../../../src/topology/create-topology.ts';

process.env.PX_WHOLE = 'mysql://app:x@127.0.0.1:1/a';
const whole = ['$', '{PX_WHOLE}'].join('');
const password = ['$', '{PX_PASSWORD}'].join('');
process.env.PX_PASSWORD = "it's\\";

function documentOf(shards: TopologyDocument['shards']): TopologyDocument {
  return {
    epoch: 3,
    regions: { eu: { code: 1, location: [50, 8] } },
    shards,
    keyspaces: { people: { code: 1, strategy: 'hash', shards: Object.keys(shards) } },
  };
}

const document = documentOf({
  'eu-1': {
    region: 'eu',
    primary: `mysql://app_1:${password}@127.0.0.1:3301/shop`,
    replicas: [
      'mysql://read_1:x@127.0.0.1:3302/shop',
      { url: 'mysql://read_1:x@127.0.0.1:3303/shop' },
    ],
  },
  'eu-2': { region: 'eu', primary: 'mysql://app_2:y@db2.internal/shop?tls=verify' },
});
const config = proxysqlConfig(document, { proxy: '127.0.0.1:6033' });

/** What runs where the configuration is in use, as the admin interface shows it: text, and NULL. */
function running(): Record<keyof RuntimeTables, Record<string, string | null>[]> {
  const shown = (rows: RuntimeTables[keyof RuntimeTables], more: Record<string, string | null>) =>
    rows.map((row) => ({
      ...more,
      ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, String(value)])),
    }));
  const { tables } = config;
  const users = shown(tables.mysql_users, { frontend: '1', backend: '0' });
  return {
    mysql_servers: shown(tables.mysql_servers, { status: 'ONLINE' }),
    mysql_replication_hostgroups: shown(tables.mysql_replication_hostgroups, {}),
    mysql_users: [...users, ...users.map((one) => ({ ...one, frontend: '0', backend: '1' }))],
    mysql_query_rules: shown(tables.mysql_query_rules, { flagIN: '0', multiplex: null }),
    global_variables: shown(tables.global_variables, {}),
  };
}

describe('what a ProxySQL must hold', () => {
  it('is two hostgroups a shard, their servers, and for each user where it is led', () => {
    const { tables } = config;
    expect(
      tables.mysql_servers.map(({ hostgroup_id, hostname, port, use_ssl }) =>
        [hostgroup_id, hostname, port, use_ssl].join(' '),
      ),
    ).toEqual([
      '1000 127.0.0.1 3301 0',
      '1001 127.0.0.1 3302 0',
      '1001 127.0.0.1 3303 0',
      '1002 db2.internal 3306 1',
    ]);
    expect(
      tables.mysql_users.map(({ username, default_hostgroup }) => [username, default_hostgroup]),
    ).toEqual([
      ['app_1', 1000],
      ['read_1', 1001],
      ['app_2', 1002],
    ]);
    expect(tables.mysql_query_rules.map(({ rule_id, retries }) => [rule_id, retries])).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  it('is SQL in which no password ends a text', () => {
    expect(config.sql).toContain("'it''s'||char(92)||''");
    // The client `mysql` would take what is behind it for a part of the text.
    expect(config.sql).not.toContain('\\');
    expect(config.sql).toContain(
      'LOAD MYSQL QUERY RULES TO RUNTIME;\nSAVE MYSQL QUERY RULES TO DISK;',
    );
  });

  it('leads services through it, with passwords as they were written', () => {
    const { shards } = config.document;
    expect(shards['eu-1']).toEqual({
      region: 'eu',
      primary: `mysql://app_1:${password}@127.0.0.1:6033/shop?via=proxysql`,
      replicas: [{ url: 'mysql://read_1:x@127.0.0.1:6033/shop?via=proxysql', region: 'eu' }],
    });
    expect(createTopology(config.document, [])?.shards.get('eu-2')?.primary.address).toMatchObject({
      user: 'app_2',
      port: 6033,
      via: 'proxysql',
    });
  });

  it.each([
    [
      'two shards with one user',
      documentOf({
        a: { region: 'eu', primary: 'mysql://app:x@127.0.0.1:1/a' },
        b: { region: 'eu', primary: 'mysql://app:x@127.0.0.1:2/b' },
      }),
      /has the user of shards.a.primary/,
    ],
    [
      'a replica with the user of its primary',
      documentOf({
        a: {
          region: 'eu',
          primary: 'mysql://app:x@127.0.0.1:1/a',
          replicas: ['mysql://app:x@127.0.0.1:2/a'],
        },
      }),
      /shards.a.replicas.0: has the user of shards.a.primary/,
    ],
    [
      'replicas with one user and two passwords',
      documentOf({
        a: {
          region: 'eu',
          primary: 'mysql://app:x@127.0.0.1:1/a',
          replicas: ['mysql://read:x@127.0.0.1:2/a', 'mysql://read:y@127.0.0.1:3/a'],
        },
      }),
      /shards.a.replicas.1: has the user of shards.a.replicas.0 with another password/,
    ],
    [
      'a URL that is one variable',
      documentOf({ a: { region: 'eu', primary: whole } }),
      /shards.a.primary: can not be led through the proxy/,
    ],
    ['a URL that leads through a proxy', config.document, /write the server's own URL/],
    ['no topology', documentOf({}), /keyspaces/],
  ])('is refused for %s', (_, given, message) => {
    expect(() => proxysqlConfig(given, { proxy: '127.0.0.1:6033' })).toThrow(message);
  });

  it('is refused where the proxy has no address', () => {
    expect(() => proxysqlConfig(document, { proxy: 'proxy' })).toThrow(/is not host:port/);
  });
});

it.each([
  [{ proxy: '127.0.0.1:99999' }, /proxy: is not host:port/],
  [{ proxy: '::1:6033' }, /proxy: is not host:port/],
  [{ proxy: '10.0.0.9:6033' }, /tls: is missing for a proxy on another machine/],
  [{ proxy: '127.0.0.1:6033', tls: 'on' }, /tls: /],
  [{ proxy: '127.0.0.1:6033', firstHostgroup: '1000' }, /firstHostgroup: /],
  [{ proxy: '127.0.0.1:6033', firstRule: 1.5 }, /firstRule: /],
  [{ proxy: '127.0.0.1:6033', firsthostgroup: 5 }, /unknown key 'firsthostgroup'/],
  [undefined, /expected object/],
])('a configuration is refused for the options %o', (options, message) => {
  expect(() => Reflect.apply(proxysqlConfig, undefined, [document, options])).toThrow(message);
});

it.each(['10.0.0.9:6033', '[fd00::9]:6033'])(
  'a proxy at %s is spoken to by TLS where that is said',
  (proxy) => {
    const { document: led } = proxysqlConfig(document, { proxy, tls: 'verify' });
    expect(led.shards['eu-1']?.primary).toContain(`@${proxy}/shop?via=proxysql&tls=verify`);
  },
);

describe('what differs', () => {
  it('is told with SQL that a name can not end', () => {
    const runs = running();
    const hostname = "x' OR '1'='1";
    runs.mysql_servers.push({ hostgroup_id: '1001', hostname, port: '1', status: 'ONLINE' });
    const [one] = compare(config.tables, runs);
    expect(one?.cure).toContain("hostname = 'x'' OR ''1''=''1' AND port = 1;");
  });

  it('is nothing where it runs as meant', () => {
    expect(compare(config.tables, running())).toEqual([]);
  });

  const cases: Record<string, [(runs: ReturnType<typeof running>) => void, RegExp]> = {
    'a server that is shunned': [
      ({ mysql_servers: [one] }) => void Object.assign(one ?? {}, { status: 'SHUNNED' }),
      /is SHUNNED/,
    ],
    'a server of nobody': [
      ({ mysql_servers }) =>
        void mysql_servers.push({
          hostgroup_id: '1001',
          hostname: 'x',
          port: '1',
          status: 'ONLINE',
        }),
      /is no server of the shard/,
    ],
    'another writer': [
      ({ mysql_servers: [, one] }) => void Object.assign(one ?? {}, { hostgroup_id: '1000' }),
      /takes the writes/,
    ],
    'a rule that comes first': [
      ({ mysql_query_rules }) =>
        void mysql_query_rules.push({ rule_id: '0', active: '1', username: null, flagIN: '0' }),
      /comes before the rules/,
    ],
    'a rule that caches': [
      ({ mysql_query_rules: [one] }) => void Object.assign(one ?? {}, { cache_ttl: '100' }),
      /says cache_ttl/,
    ],
    'statements that are repeated': [
      ({ mysql_query_rules: [one] }) => void Object.assign(one ?? {}, { retries: null }),
      /has retries '', not '0'/,
    ],
    'a user that is led elsewhere': [
      ({ mysql_users: [one] }) => void Object.assign(one ?? {}, { default_hostgroup: '1002' }),
      /has default_hostgroup '1002', not '1000'/,
    ],
    'a user that is gone': [(runs) => void runs.mysql_users.splice(0, 1), /is not there/],
    'no lock on a hostgroup': [
      ({ global_variables: [one] }) => void Object.assign(one ?? {}, { variable_value: '0' }),
      /has variable_value '0', not '1'/,
    ],
  };

  it.each(Object.entries(cases))(
    'is told, with its cure, and no password: %s',
    (_, [change, message]) => {
      const runs = running();
      change(runs);
      const differences = compare(config.tables, runs);
      expect(differences).toEqual([
        {
          table: expect.any(String),
          row: expect.any(String),
          message: expect.stringMatching(message),
          cure: expect.any(String),
        },
      ]);
      expect(JSON.stringify(differences)).not.toContain("it's");
    },
  );
});

describe('a session of ProxySQL', () => {
  const conn = (status: object) => ({ hostgroup_id: 10, conn: { status } });
  const told = (session: object) => ({ session_info: JSON.stringify(session) });
  const pinned = conn({ user_variable: true, no_multiplex: true });

  it.each([
    ['it is held', told({ locked_on_hostgroup: 10, backends: [pinned] }), undefined],
    [
      'one that holds none beside',
      told({ locked_on_hostgroup: 0, backends: [{ hostgroup_id: 11 }, pinned] }),
      undefined,
    ],
    [
      'no hostgroup holds it',
      told({ locked_on_hostgroup: -1, backends: [pinned] }),
      /mysql-set_query_lock_on_hostgroup=1/,
    ],
    [
      'two servers have it',
      told({ locked_on_hostgroup: 10, backends: [pinned, pinned] }),
      /2 servers/,
    ],
    [
      'its connection may be given to others',
      told({ locked_on_hostgroup: 10, backends: [conn({ user_variable: false })] }),
      /to others/,
    ],
    ['nothing is told', { session_info: '' }, /tells nothing/],
    ['no row is', undefined, /tells nothing/],
  ])('is taken only where one connection is kept for it: %s', (_, row, reason) => {
    if (reason === undefined) expect(whyUnpinned(row)).toBeUndefined();
    else expect(whyUnpinned(row)).toMatch(reason);
  });
});
