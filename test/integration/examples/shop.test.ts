import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../examples/shop/local/client.ts';
import { type Shop, startShop } from '../../../examples/shop/local/shop.ts';
import { balanceOf, newBuyer, newPhone, tokenOf } from '../../support/shop/visitors.ts';

let shop: Shop;
let eu: Client;
let jp: Client;
let log = '';
const password = 'correct horse battery';

beforeAll(async () => {
  shop = await startShop({
    env: { REQUESTS_PER_MINUTE: '100000', DEADLINE_MS: '30000' },
    onLog: (text) => {
      log += text;
    },
  });
  [eu, jp] = [new Client(shop.gateways.eu), new Client(shop.gateways.jp)];
  await shop.data.items.put({ code: 'tea', cents: 350 });
  await shop.data.stock.insert({ item: 'tea', pieces: 1_000 });
}, 120_000);

afterAll(() => shop?.stop(), 60_000);

/** What was logged of one request, in whichever service. */
const linesOf = (requestId = '?') =>
  log
    .split('\n')
    .filter((line) => line.includes(requestId))
    .map((line): { name: string } => JSON.parse(line));

const piecesOf = async (item: string) => (await shop.data.stock.get(item))?.pieces;

describe('user-auth', () => {
  it('registers, logs in, shows a profile and changes it, through either region', async () => {
    const phone = newPhone();
    const ada = await eu.join({ country: 'DE', phone, name: 'Ada', password });
    expect(shop.data.users.explain(ada.id).shard).toBe('eu-1');
    const profile = await jp.ask('GET', '/profile', undefined, { token: ada.token });
    expect(profile.body).toEqual({
      id: ada.id,
      country: 'DE',
      phone,
      name: 'Ada',
      role: 'customer',
    });
    const renamed = await jp.ask('PATCH', '/profile', { name: 'Ada L.' }, { token: ada.token });
    expect(renamed.status).toBe(204);
    const seen = async () =>
      (await eu.ask('GET', '/profile', undefined, { token: ada.token })).text;
    await expect.poll(seen, { timeout: 10_000 }).toContain('Ada L.');
  });

  it('gives a phone to one user, and says neither of phone nor password which was wrong', async () => {
    const user = { country: 'JP', phone: newPhone(), name: 'Kenji', password };
    const { id } = await jp.join(user);
    expect(shop.data.users.explain(id).shard).toBe('jp-1');
    const again = await eu.ask('POST', '/users', { ...user, country: 'DE' });
    expect(again).toMatchObject({ status: 409, body: { field: 'phone' } });
    const wrong = await eu.ask('POST', '/sessions', { phone: user.phone, password: 'guess' });
    const nobody = await eu.ask('POST', '/sessions', { phone: newPhone(), password });
    expect(wrong.status).toBe(401);
    expect(nobody.body).toEqual({ ...Object(wrong.body), instance: expect.any(String) });
    expect(await shop.data.credentials.get(id)).not.toMatchObject({ password });
  });

  it('changes refresh tokens at each use, and ends the session of one that was used twice', async () => {
    const user = { country: 'DE', phone: newPhone(), name: 'Eve', password };
    const { refreshToken } = await eu.join(user);
    const rotate = (token: string) => eu.ask('POST', '/tokens', { refresh_token: token });
    const next = await rotate(refreshToken);
    expect(next.status).toBe(200);
    const { refresh_token: second } = Object(next.body);
    expect(second).not.toBe(refreshToken);
    expect((await rotate(refreshToken)).status).toBe(401);
    expect((await rotate(second)).status).toBe(401);
    expect((await eu.logIn(user)).token).not.toBe('');
  });

  it('Z16: a refresh token that was never given out ends nobody’s session', async () => {
    const user = { country: 'DE', phone: newPhone(), name: 'Eve', password };
    const { refreshToken, token } = await eu.join(user);
    const [head, claims] = refreshToken.split('.');
    const forged = [`${head}.${claims}.${'x'.repeat(86)}`, token];
    for (const refresh_token of forged) {
      expect((await eu.ask('POST', '/tokens', { refresh_token })).status).toBe(401);
    }
    const answer = await eu.ask('POST', '/tokens', { refresh_token: refreshToken });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('Z4: what is signed is read from the database', async () => {
    const user = { country: 'DE', phone: newPhone(), name: 'Mallory', password };
    const { id, token, refreshToken } = await eu.join(user);
    await eu.ask('GET', '/profile', undefined, { token });
    const [row] = await shop.data.users.at(id).query('SELECT role FROM users WHERE id = ?', [id]);
    expect(row).toEqual({ role: 'customer' });
    const redis = new Redis(shop.cluster.redis.url);
    try {
      for (const key of await redis.keys(`*${id}*`)) {
        const text = await redis.get(key).catch(() => null);
        if (text !== null) await redis.set(key, text.replaceAll('customer', 'support'), 'KEEPTTL');
      }
    } finally {
      redis.disconnect();
    }
    const rotated = await eu.ask('POST', '/tokens', { refresh_token: refreshToken });
    const roleOf = (text: string) =>
      JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()).role;
    expect(roleOf(Object(rotated.body).access_token)).toBe('customer');
    expect(roleOf((await eu.logIn(user)).token)).toBe('customer');
  });

  it('Z6: nobody tries many passwords of one phone', async () => {
    const phone = newPhone();
    const guess = (client: Client) =>
      client.ask('POST', '/sessions', { phone, password: 'a guess' });
    const statuses: number[] = [];
    for (let tries = 0; tries < 12; tries++)
      statuses.push((await guess(tries % 2 ? eu : jp)).status);
    expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
    const other = await eu.ask('POST', '/sessions', { phone: newPhone(), password: 'a guess' });
    expect(other.status).toBe(401);
  });

  it('moves users for support staff, and for nobody else', async () => {
    const buyer = await newBuyer(shop);
    const support = await newBuyer(shop, 'support');
    const move = (token: string) =>
      eu.ask('POST', `/users/${buyer.id}/relocation`, { country: 'JP' }, { token });
    expect((await move(buyer.token)).status).toBe(403);
    expect(await move(support.token)).toMatchObject({
      status: 200,
      body: { from: 'eu', to: 'jp' },
    });
    expect(await move(support.token)).toMatchObject({
      status: 409,
      body: { reason: 'same-region' },
    });
    expect(shop.data.users.explain(buyer.id).region).toBe('eu');
    expect((await shop.data.users.get(buyer.id))?.country).toBe('JP');
  });
});

describe('payment', () => {
  it('charges a checkout once, though it is asked for twice at once and later again', async () => {
    const { id, token, account } = await newBuyer(shop);
    const left = await piecesOf('tea');
    const order = { account_id: account, item: 'tea', pieces: 2 };
    const asked = { token, key: randomUUID() };
    const twice = await Promise.all([
      eu.ask('POST', '/checkouts', order, asked),
      jp.ask('POST', '/checkouts', order, asked),
    ]);
    const later = await eu.ask('POST', '/checkouts', order, asked);
    for (const { status, text } of [...twice, later]) {
      expect({ status, text }).toEqual({ status: 201, text: later.text });
    }
    expect(later.body).toMatchObject({ item: 'tea', cents: 700, stock: 'reserved' });
    expect(await balanceOf(shop, id, account)).toEqual({ held: 9_300, entered: 9_300 });
    expect(await piecesOf('tea')).toBe((left ?? 0) - 2);
    await shop.data.items.put({ code: 'cup', cents: 5 });
    await shop.data.stock.insert({ item: 'cup', pieces: 100 });
    const savings = await eu.openAccount(token, 'savings');
    for (const another of [{ pieces: 3 }, { item: 'cup' }, { account_id: savings }]) {
      const body = { ...order, ...another };
      expect((await eu.ask('POST', '/checkouts', body, asked)).status).toBe(422);
    }
    expect([await piecesOf('tea'), await piecesOf('cup')]).toEqual([(left ?? 0) - 2, 100]);
    expect(await balanceOf(shop, id, account)).toEqual({ held: 9_300, entered: 9_300 });
  });

  it('sells ten of ten pieces to a hundred buyers', async () => {
    await shop.data.items.put({ code: 'lamp', cents: 900 });
    await shop.data.stock.insert({ item: 'lamp', pieces: 10 });
    const buyers = await Promise.all(Array.from({ length: 100 }, () => newBuyer(shop)));
    const answers = await Promise.all(
      buyers.map(({ token, account }, index) =>
        (index % 2 ? eu : jp).ask(
          'POST',
          '/checkouts',
          { account_id: account, item: 'lamp', pieces: 1 },
          { token },
        ),
      ),
    );
    const sold = answers.filter(({ status }) => status === 201);
    const soldOut = answers.filter(({ text }) => text.includes('urn:shop:problem:sold-out'));
    expect([sold.length, soldOut.length]).toEqual([10, 90]);
    for (const { body } of sold) expect(body).toMatchObject({ stock: 'reserved' });
    expect(await piecesOf('lamp')).toBe(0);
    const held = await Promise.all(buyers.map(({ id, account }) => balanceOf(shop, id, account)));
    expect(held.filter(({ held }) => held === 9_100)).toHaveLength(10);
    for (const { held: now, entered } of held) expect(now).toBe(entered);
  });

  it('gives back what nobody could pay, and takes it when the same key comes again', async () => {
    await shop.data.items.put({ code: 'piano', cents: 9_900 });
    await shop.data.stock.insert({ item: 'piano', pieces: 1 });
    const { id, token, account } = await newBuyer(shop);
    const second = await eu.openAccount(token, 'savings');
    const order = { account_id: account, item: 'piano', pieces: 1 };
    await eu.ask('POST', '/transfers', { from: account, to: second, cents: 500 }, { token });
    const asked = { token, key: randomUUID() };
    const poor = await eu.ask('POST', '/checkouts', order, asked);
    expect(poor).toMatchObject({ status: 409, body: { type: 'urn:shop:problem:too-little' } });
    expect(await piecesOf('piano')).toBe(1);
    await eu.ask('POST', '/transfers', { from: second, to: account, cents: 500 }, { token });
    expect((await eu.ask('POST', '/checkouts', order, asked)).status).toBe(201);
    expect(await piecesOf('piano')).toBe(0);
    expect(await balanceOf(shop, id, account)).toEqual({ held: 100, entered: 100 });
  });

  it('Z5: a checkout that is asked for again when its key is forgotten is the same one', async () => {
    const { id, token, account } = await newBuyer(shop);
    await shop.data.items.put({ code: 'vase', cents: 9_000 });
    await shop.data.stock.insert({ item: 'vase', pieces: 5 });
    const order = { account_id: account, item: 'vase', pieces: 1 };
    const asked = { token, key: randomUUID() };
    const first = await eu.ask('POST', '/checkouts', order, asked);
    await shop.data.transactions
      .at(id)
      .execute('DELETE FROM meridian_idempotency', [], { scope: 'shard' });
    const again = await eu.ask('POST', '/checkouts', order, asked);
    expect([again.status, again.body]).toEqual([201, first.body]);
    const other = await eu.ask('POST', '/checkouts', { ...order, item: 'tea' }, asked);
    expect(other.status).toBe(422);
    expect(await piecesOf('vase')).toBe(4);
    expect(await balanceOf(shop, id, account)).toEqual({ held: 1_000, entered: 1_000 });
  });

  it('Z6: welcomes an owner once, however many accounts are opened', async () => {
    const { id, token, account } = await newBuyer(shop);
    await Promise.all(
      Array.from({ length: 10 }, () => eu.ask('POST', '/accounts', { name: 'more' }, { token })),
    );
    const accounts = await shop.data.accounts.at(id).list();
    expect(accounts.length).toBe(11);
    expect(accounts.filter(({ cents }) => cents > 0).map((one) => one.id)).toEqual([account]);
  });

  it('Z13: ids of accounts are one whatever their case', async () => {
    const { token, account } = await newBuyer(shop);
    const path = `/accounts/${account.toUpperCase()}/transactions`;
    const { status, body } = await eu.ask('GET', path, undefined, { token });
    expect([status, Object(body).length]).toEqual([200, 1]);
  });

  it('moves money between accounts of one owner only, all of it or none', async () => {
    const [mine, theirs] = [await newBuyer(shop), await newBuyer(shop)];
    const savings = await eu.openAccount(mine.token, 'savings');
    const send = (from: string, to: string, cents: number) =>
      eu.ask('POST', '/transfers', { from, to, cents }, { token: mine.token });
    expect((await send(mine.account, savings, 1_000)).status).toBe(201);
    const both = Array.from({ length: 10 }, () => [
      send(mine.account, savings, 7),
      send(savings, mine.account, 7),
    ]);
    for (const { status } of await Promise.all(both.flat())) expect(status).toBe(201);
    expect((await send(mine.account, theirs.account, 1)).status).toBe(404);
    expect((await send(theirs.account, mine.account, 1)).status).toBe(404);
    expect((await send(mine.account, savings, 10_001)).status).toBe(409);
    expect((await send(mine.account, mine.account.toUpperCase(), 1)).status).toBe(400);
    for (const [account, cents] of [
      [mine.account, 9_000],
      [savings, 1_000],
    ] as const) {
      expect(await balanceOf(shop, mine.id, account)).toEqual({ held: cents, entered: cents });
    }
  });

  it('sells nothing on the account of somebody else', async () => {
    const [mine, theirs] = [await newBuyer(shop), await newBuyer(shop)];
    const left = await piecesOf('tea');
    const order = { account_id: theirs.account, item: 'tea', pieces: 1 };
    const spoofed = { 'x-user-id': theirs.id };
    const answer = await eu.ask('POST', '/checkouts', order, {
      token: mine.token,
      headers: spoofed,
    });
    expect(answer.status).toBe(404);
    const held = { held: 10_000, entered: 10_000 };
    expect(await balanceOf(shop, theirs.id, theirs.account)).toEqual(held);
    expect(await piecesOf('tea')).toBe(left);
  });

  it('shows an account by pages, and only to its owner', async () => {
    const { token, account } = await newBuyer(shop);
    const order = { account_id: account, item: 'tea', pieces: 1 };
    for (let i = 0; i < 4; i++) await eu.ask('POST', '/checkouts', order, { token });
    const page = async (query: string, by = token): Promise<{ id: string; cents: number }[]> =>
      Object(
        (await eu.ask('GET', `/accounts/${account}/transactions${query}`, undefined, { token: by }))
          .body,
      );
    const first = await page('?limit=3');
    const second = await page(`?limit=3&after=${first[2]?.id}`);
    expect([...first, ...second].map(({ cents }) => cents)).toEqual([
      10_000, -350, -350, -350, -350,
    ]);
    const stranger = await newBuyer(shop);
    expect(await page('', stranger.token)).toEqual([]);
  });
});

it('analytics: totals of all shards, the richest accounts, and everything as CSV', async () => {
  const { token } = await newBuyer(shop, 'support');
  const ask = (path: string) => eu.ask('GET', path, undefined, { token });
  const sums = { checkouts: 0, cents: 0 };
  const counted = { transactions: 0, richest: 0 };
  // All are there before anything is counted.
  const owners = [await ownerOn('tx-1'), await ownerOn('tx-2')];
  for (const owner of owners) {
    const [row] = await shop.data.accounts.at(owner).query(
      `SELECT COUNT(*) AS n, SUM(kind = 'checkout') AS checkouts,
        SUM(IF(kind = 'checkout', -cents, 0)) AS cents,
        (SELECT MAX(cents) FROM accounts) AS richest FROM transactions`,
    );
    counted.transactions += Number(row?.n);
    sums.checkouts += Number(row?.checkouts);
    sums.cents += Number(row?.cents);
    counted.richest = Math.max(counted.richest, Number(row?.richest));
  }
  const totals = Object.values(Object((await ask('/analytics/regions')).body));
  const sum = (pick: 'checkouts' | 'cents') =>
    totals.reduce((all: number, one) => all + Number(Object(one)[pick]), 0);
  expect({ checkouts: sum('checkouts'), cents: sum('cents') }).toEqual(sums);
  const top: { cents: number }[] = Object((await ask('/analytics/accounts/top?limit=5')).body);
  expect(top).toHaveLength(5);
  expect(top[0]?.cents).toBe(counted.richest);
  const csv = await ask('/analytics/transactions.csv');
  expect(csv.headers.get('content-type')).toContain('text/csv');
  expect(csv.text.trimEnd().split('\n')).toHaveLength(counted.transactions + 1);
});

/** Any owner whose key is on a shard. */
async function ownerOn(shard: string): Promise<string> {
  for (;;) {
    const { id } = await newBuyer(shop);
    if (shop.data.accounts.explain(id).shard === shard) return id;
  }
}

it('the log says what was asked and how it ended, and nothing of whom', async () => {
  const user = { country: 'DE', phone: '+491761234567', name: 'Grace Hopper', password };
  const { id, token, refreshToken } = await eu.join(user);
  await eu.ask('POST', '/users', { ...user, country: 'XX' });
  await eu.ask('POST', '/users', user);
  const order = { account_id: await eu.openAccount(token, 'purse'), item: 'unicorn', pieces: 1 };
  const missing = await eu.ask('POST', '/checkouts', order, { token });
  const requestId = String(Object(missing.body).instance).split(':').at(-1);
  await expect.poll(() => linesOf(requestId), { timeout: 10_000 }).toHaveLength(3);
  const lines = linesOf(requestId).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(lines).toMatchObject([
    { name: 'edge-gateway@eu', method: 'POST', route: '/checkouts', status: 404 },
    { name: 'inventory@eu', method: 'PUT', route: '/reservations', status: 404 },
    { name: 'payment@eu', method: 'POST', route: '/checkouts', status: 404 },
  ]);
  const secrets = [user.phone, user.phone.slice(1), user.name, password, id, token, refreshToken];
  for (const secret of [...secrets, shop.edgeKey, shop.gatewayKey, String(shop.signingKey.d)]) {
    expect(log).not.toContain(secret);
  }
});

it('while the inventory is away checkouts go on as backorders', async () => {
  const { token, account } = await newBuyer(shop);
  // Somebody who never ends a question does not keep it from ending.
  const { hostname, port } = new URL(shop.inventory.url);
  const dawdler = connect(Number(port), hostname);
  await once(dawdler, 'connect');
  dawdler.write('GET /health HTTP/1.1\r\nhost:');
  expect(await shop.inventory.stop()).toBe(0);
  const order = { account_id: account, item: 'tea', pieces: 1 };
  const sold = await eu.ask('POST', '/checkouts', order, { token });
  expect(sold).toMatchObject({ status: 201, body: { stock: 'on-backorder' } });
});

it('a token of somebody who is not there any more shows nothing', async () => {
  const { id, token } = await newBuyer(shop);
  await shop.data.users.delete(id);
  const status = async () => (await eu.ask('GET', '/profile', undefined, { token })).status;
  await expect.poll(status, { timeout: 10_000 }).toBe(404);
  const made = await tokenOf(shop.signingKey, { sub: randomUUID() });
  expect((await eu.ask('GET', '/profile', undefined, { token: made })).status).toBe(404);
});
