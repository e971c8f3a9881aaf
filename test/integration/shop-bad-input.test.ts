import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, Client } from '../../examples/shop/local/client.ts';
import { type Shop, startShop } from '../../examples/shop/local/shop.ts';
import { balanceOf, newBuyer, newPhone } from '../support/shop/visitors.ts';

type Buyer = Awaited<ReturnType<typeof newBuyer>>;
interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly as?: Buyer;
}

/** Somewhere in everything bad that is sent; nowhere in the log. */
const marker = 'm4rk3r';
const password = 'correct horse battery';
let shop: Shop;
let client: Client;
let buyer: Buyer;
let support: Buyer;
let log = '';

beforeAll(async () => {
  shop = await startShop({
    env: { REQUESTS_PER_MINUTE: '1000000', DEADLINE_MS: '10000' },
    onLog: (text) => {
      log += text;
    },
  });
  client = new Client(shop.gateways.eu);
  await shop.data.items.put({ code: 'tea', cents: 1 });
  await shop.data.stock.insert({ item: 'tea', pieces: 1_000_000 });
  [buyer, support] = [await newBuyer(shop), await newBuyer(shop, 'support')];
}, 120_000);

afterAll(() => shop?.stop(), 60_000);

function send({ method, path, query, body, as }: Request, headers = {}): Promise<Answer> {
  const search = query ? `?${new URLSearchParams(query)}` : '';
  return client.ask(method, path + search, body, { ...(as && { token: as.token }), headers });
}

/** One request of each kind that takes something, such as it should be. */
const good = (): Record<string, Request> => ({
  register: {
    method: 'POST',
    path: '/users',
    body: { country: 'DE', name: 'Ada', phone: newPhone(), password },
  },
  'log in': { method: 'POST', path: '/sessions', body: { phone: newPhone(), password } },
  refresh: { method: 'POST', path: '/tokens', body: { refresh_token: `${randomUUID()}.x` } },
  rename: { method: 'PATCH', path: '/profile', body: { name: 'Ada' }, as: buyer },
  move: {
    method: 'POST',
    path: `/users/${randomUUID()}/relocation`,
    body: { country: 'JP' },
    as: support,
  },
  'open an account': { method: 'POST', path: '/accounts', body: { name: 'purse' }, as: buyer },
  'check out': {
    method: 'POST',
    path: '/checkouts',
    body: { account_id: buyer.account, item: 'tea', pieces: 1 },
    as: buyer,
  },
  transfer: {
    method: 'POST',
    path: '/transfers',
    body: { from: buyer.account, to: randomUUID(), cents: 1 },
    as: buyer,
  },
  history: {
    method: 'GET',
    path: `/accounts/${buyer.account}/transactions`,
    query: { limit: '10', after: randomUUID() },
    as: buyer,
  },
  richest: { method: 'GET', path: '/analytics/accounts/top', query: { limit: '5' }, as: support },
});

function expectProblem({ status, headers, body }: Answer, expected?: number): void {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  if (expected !== undefined) expect(status).toBe(expected);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(body).toMatchObject({
    type: expect.stringMatching(/^urn:shop:problem:/),
    title: expect.any(String),
    status,
    instance: expect.stringMatching(/^urn:shop:request:[\da-f-]{36}$/),
  });
}

const fieldsOf = ({ body }: Answer): string[] =>
  Object(body).errors.map(({ field }: { field: string }) => field);

describe('what does not fit', () => {
  const of = (what: string) => good()[what] ?? expect.fail(what);
  const changed = (what: string, body: object): Request => ({
    ...of(what),
    body: { ...of(what).body, ...body },
  });

  it.each([
    ['register', { country: 'XX' }, 'body.country'],
    ['register', { country: 'de' }, 'body.country'],
    ['register', { country: 'DEU' }, 'body.country'],
    ['register', { country: 49 }, 'body.country'],
    ['register', { name: ' \t ' }, 'body.name'],
    ['register', { name: marker.repeat(20) }, 'body.name'],
    ['register', { phone: '0301234' }, 'body.phone'],
    ['register', { phone: '+0301234' }, 'body.phone'],
    ['register', { phone: '+49 30 1234' }, 'body.phone'],
    ['register', { phone: `+${'4'.repeat(16)}` }, 'body.phone'],
    ['register', { password: marker }, 'body.password'],
    ['register', { password: marker.repeat(40) }, 'body.password'],
    ['register', { role: 'support' }, 'body'],
    ['register', { phone: undefined }, 'body.phone'],
    ['log in', { phone: marker }, 'body.phone'],
    ['log in', { password: null }, 'body.password'],
    ['refresh', { refresh_token: marker }, 'body.refresh_token'],
    ['refresh', { refresh_token: { $ne: marker } }, 'body.refresh_token'],
    ['rename', { name: '' }, 'body.name'],
    ['rename', { country: 'JP' }, 'body'],
    ['move', { country: 'ATLANTIS' }, 'body.country'],
    ['open an account', { name: 'n'.repeat(41) }, 'body.name'],
    ['open an account', { cents: 1_000_000 }, 'body'],
    ['check out', { account_id: marker }, 'body.account_id'],
    ['check out', { item: '' }, 'body.item'],
    ['check out', { pieces: 0 }, 'body.pieces'],
    ['check out', { pieces: -1 }, 'body.pieces'],
    ['check out', { pieces: 1.5 }, 'body.pieces'],
    ['check out', { pieces: 101 }, 'body.pieces'],
    ['check out', { pieces: '1' }, 'body.pieces'],
    ['check out', { cents: 0 }, 'body'],
    ['transfer', { cents: 0 }, 'body.cents'],
    ['transfer', { cents: -1 }, 'body.cents'],
    ['transfer', { cents: 10_000_001 }, 'body.cents'],
    ['transfer', { to: [marker] }, 'body.to'],
  ])('%s with %j is refused by the name of its field', async (what, body, field) => {
    const answer = await send(changed(what, body));
    expectProblem(answer, 400);
    expect(fieldsOf(answer)).toEqual([field]);
    expect(answer.text).not.toContain(marker);
  });

  it.each([
    ['history', { limit: '0' }, 'querystring.limit'],
    ['history', { limit: '1001' }, 'querystring.limit'],
    ['history', { limit: marker }, 'querystring.limit'],
    ['history', { after: marker }, 'querystring.after'],
    ['history', { [marker]: '1' }, 'querystring'],
    ['richest', { limit: '101' }, 'querystring.limit'],
    ['richest', { limit: '1 OR 1=1' }, 'querystring.limit'],
  ])('%s with the query %j is refused by its name', async (what, query, field) => {
    const answer = await send({ ...of(what), query });
    expectProblem(answer, 400);
    expect(fieldsOf(answer)).toEqual([field]);
  });

  it('a transfer to where the money is', async () => {
    const answer = await send(changed('transfer', { to: buyer.account }));
    expectProblem(answer, 400);
    expect(fieldsOf(answer)).toEqual(['body.to']);
  });

  it.each([
    '',
    'short',
    'with space 1',
    "quote'quote",
    'x'.repeat(101),
    'ключ-ключ-ключ'.slice(0, 0),
  ])('the idempotency key %j', async (key) => {
    const answer = await send(of('check out'), { 'idempotency-key': key });
    expectProblem(answer, 400);
    expect(fieldsOf(answer)).toEqual(['headers.idempotency-key']);
  });

  const json = 'application/json';
  it.each([
    ['no JSON', json, `{"name": ${marker}`, 400],
    ['half of JSON', json, '{"name":', 400],
    ['no body', json, '', 400],
    ['no object', json, '[1]', 400],
    ['null', json, 'null', 400],
    ['a prototype', json, `{"name":"Ada","__proto__":{"role":"support"}}`, 400],
    ['a constructor', json, `{"name":"Ada","constructor":{"prototype":{"role":"x"}}}`, 400],
    ['deep nesting', json, `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 400],
    ['a byte over 64 kB', json, `{"name":"${'x'.repeat(65_526)}"}`, 413],
    ['64 kB', json, `{"name":"${'x'.repeat(65_525)}"}`, 400],
    ['a form', 'application/x-www-form-urlencoded', 'name=Ada', 415],
    ['text', 'text/plain', '{"name":"Ada"}', 415],
    ['XML', 'application/xml', '<name>Ada</name>', 415],
    ['no type at all', '', '{"name":"Ada"}', 415],
  ])('a body that is %s', async (_, type, body, status) => {
    const answer = await client.ask('PATCH', '/profile', body, {
      token: buyer.token,
      headers: { 'content-type': type },
    });
    expectProblem(answer, status);
  });

  it.each([
    ['GET', '/nowhere', 404],
    ['DELETE', '/profile', 404],
    ['GET', '/accounts/%zz/transactions', 400],
    ['GET', `/accounts/${marker}/transactions`, 400],
    ['GET', `/${'x'.repeat(10_000)}`, 404],
  ])('%s %s', async (method, path, status) => {
    expectProblem(await client.ask(method, path, undefined, { token: buyer.token }), status);
  });

  it.each([
    ['headers without end', `GET /profile HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['no HTTP', `${marker}\r\n\r\n`, 400],
  ])('%s', async (_, sent, status) => {
    const { hostname, port } = new URL(shop.gateways.eu);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(sent);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    expect(head).toMatch(
      new RegExp(`^HTTP/1.1 ${status} [^]*content-type: application/problem`, 'i'),
    );
    expect(JSON.parse(body)).toMatchObject({ status });
  });
});

describe('injection', () => {
  const attacks = [
    "'; DROP TABLE users; --",
    '" OR 1=1 --',
    "' UNION SELECT password FROM credentials -- ",
    "\\' OR ''='",
    '%_',
    '`',
    '/*! SLEEP(5) */',
    '\u0000',
    'ʼ or 1=1',
    '😀 \u202Egnirts',
    '\ud800',
    '../../../etc/passwd',
    'http://127.0.0.1:9/',
    'x\r\nx-user-role: support',
    '<script>alert(1)</script>',
    '=HYPERLINK("http://x")',
    '{{7*7}}',
    '__proto__',
    'tea\u0000',
    'TEA',
    'tea ',
    '',
  ];
  const odd = [{ $gt: '' }, ['a', 'b'], true, null, 1e308];

  /** Every request with each of its strings replaced in turn. */
  function* attempts(): Generator<Request> {
    for (const [what, request] of Object.entries(good())) {
      const fields = Object.entries(request.body ?? {}).filter(([, v]) => typeof v === 'string');
      for (const [field] of fields) {
        for (const value of [...attacks, ...odd]) {
          const fresh = good()[what] ?? request;
          yield { ...fresh, body: { ...fresh.body, [field]: value } };
        }
      }
      for (const value of attacks) {
        for (const name of Object.keys(request.query ?? {})) {
          yield { ...request, query: { ...request.query, [name]: value } };
        }
        const path = request.path.replace(/[\da-f-]{36}/, encodeURIComponent(value.toWellFormed()));
        if (path !== request.path) yield { ...request, path };
      }
    }
  }

  let before: Awaited<ReturnType<typeof balanceOf>>;
  beforeEach(async () => {
    before = await balanceOf(shop, buyer.id, buyer.account);
  });

  it('through any string of any request is refused, or stored as it is', async () => {
    const counts = { refused: 0, done: 0 };
    for (const request of attempts()) {
      const answer = await send(request);
      if (answer.status >= 400) {
        expectProblem(answer);
        counts.refused++;
        continue;
      }
      counts.done++;
      if (answer.status !== 204) continue;
      const stored = await shop.data.users.get(buyer.id, { consistency: 'primary' });
      expect(stored).toMatchObject({ name: String(request.body?.name).trim(), role: 'customer' });
    }
    expect(counts.refused).toBeGreaterThan(200);
    expect(counts.done).toBeGreaterThan(20);
    const after = await balanceOf(shop, buyer.id, buyer.account);
    expect(after).toEqual(before);
    expect(after.held).toBe(after.entered);
    expect(await shop.data.credentials.get(buyer.id)).toBeNull();
  }, 120_000);

  it('through the idempotency key is refused or leaves one charge', async () => {
    for (const attack of attacks) {
      // Neither can a header hold what is no printable ASCII, nor is a plain word an attack.
      if (/[^\x20-\x7e]|^\w+$/.test(attack)) continue;
      const request = good()['check out'] ?? expect.fail();
      expectProblem(await send(request, { 'idempotency-key': attack }), 400);
    }
    expect(await balanceOf(shop, buyer.id, buyer.account)).toEqual(before);
  });
});

it('afterwards everybody is served, and the log has nothing of what was sent', async () => {
  const phone = newPhone();
  const { id, token } = await client.join({ country: 'DE', phone, name: 'Ada', password });
  const account = await client.openAccount(token, 'purse');
  const order = { account_id: account, item: 'tea', pieces: 1 };
  expect((await client.ask('POST', '/checkouts', order, { token })).status).toBe(201);
  const totals = await client.ask('GET', '/analytics/regions', undefined, { token: support.token });
  expect(totals.status).toBe(200);
  const csv = await client.ask('GET', '/analytics/transactions.csv', undefined, {
    token: support.token,
  });
  expect(csv.text).toContain(account);
  await expect.poll(() => log).toContain('/analytics/transactions.csv');
  for (const secret of [marker, 'DROP TABLE', 'etc/passwd', phone.slice(1), id, token]) {
    expect(log).not.toContain(secret);
  }
  // Nothing was an error of ours.
  expect(log).not.toContain('"level":50');
});
