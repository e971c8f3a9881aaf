import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../../examples/shop/local/client.ts';
import { type OpenShop, openShop } from '../../support/shop/open-shop.ts';
import {
  expectProblem,
  goodRequests,
  password,
  type Request,
  type RequestName,
  send,
} from '../../support/shop/requests.ts';
import { newPhone } from '../../support/shop/visitors.ts';

/** Somewhere in everything bad that is sent; nowhere in the log. */
const marker = 'm4rk3r';
let open: OpenShop;

beforeAll(async () => {
  open = await openShop();
}, 120_000);

afterAll(() => open?.shop.stop(), 60_000);

const fieldsOf = ({ body }: Answer): string[] =>
  Object(body).errors.map(({ field }: { field: string }) => field);

describe('what does not fit', () => {
  const of = (what: RequestName): Request => goodRequests(open.buyer, open.support)[what];
  const changed = (what: RequestName, body: object): Request => ({
    ...of(what),
    body: { ...of(what).body, ...body },
  });

  it.each<[RequestName, object, string]>([
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
    ['register', { password: 'aaaaaaaaaa' }, 'body.password'],
    ['register', { password: 'password123' }, 'body.password'],
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
    const answer = await send(open.client, changed(what, body));
    expectProblem(answer, 400);
    expect(fieldsOf(answer)).toEqual([field]);
    expect(answer.text).not.toContain(marker);
  });

  it.each<[RequestName, Record<string, string>, string]>([
    ['history', { limit: '0' }, 'querystring.limit'],
    ['history', { limit: '1001' }, 'querystring.limit'],
    ['history', { limit: marker }, 'querystring.limit'],
    ['history', { after: marker }, 'querystring.after'],
    ['history', { [marker]: '1' }, 'querystring'],
    ['richest', { limit: '101' }, 'querystring.limit'],
    ['richest', { limit: '1 OR 1=1' }, 'querystring.limit'],
  ])('%s with the query %j is refused by its name', async (what, query, field) => {
    const answer = await send(open.client, { ...of(what), query });
    expectProblem(answer, 400);
    expect(fieldsOf(answer)).toEqual([field]);
  });

  it('a transfer to where the money is', async () => {
    const answer = await send(open.client, changed('transfer', { to: open.buyer.account }));
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
    const answer = await send(open.client, of('check out'), { 'idempotency-key': key });
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
    const answer = await open.client.ask('PATCH', '/profile', body, {
      token: open.buyer.token,
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
    expectProblem(
      await open.client.ask(method, path, undefined, { token: open.buyer.token }),
      status,
    );
  });

  it.each([
    ['headers without end', `GET /profile HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['no HTTP', `${marker}\r\n\r\n`, 400],
  ])('%s', async (_, sent, status) => {
    const { hostname, port } = new URL(open.shop.gateways.eu);
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

it('afterwards everybody is served, and the log has nothing of what was sent', async () => {
  const phone = newPhone();
  const { id, token } = await open.client.join({ country: 'DE', phone, name: 'Ada', password });
  const account = await open.client.openAccount(token, 'purse');
  const order = { account_id: account, item: 'tea', pieces: 1 };
  expect((await open.client.ask('POST', '/checkouts', order, { token })).status).toBe(201);
  const totals = await open.client.ask('GET', '/analytics/regions', undefined, {
    token: open.support.token,
  });
  expect(totals.status).toBe(200);
  const csv = await open.client.ask('GET', '/analytics/transactions.csv', undefined, {
    token: open.support.token,
  });
  expect(csv.text).toContain(account);
  await expect.poll(open.log).toContain('/analytics/transactions.csv');
  for (const secret of [marker, phone.slice(1), id, token]) {
    expect(open.log()).not.toContain(secret);
  }
  // Nothing was an error of ours.
  expect(open.log()).not.toContain('"level":50');
});
