import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../examples/shop/local/client.ts';
import { type Shop, startShop } from '../../../examples/shop/local/shop.ts';
import { password } from '../../support/shop/requests.ts';
import { balanceOf, newBuyer, newPhone } from '../../support/shop/visitors.ts';

let shop: Shop;
let eu: Client;
let jp: Client;

beforeAll(async () => {
  shop = await startShop({ env: { REQUESTS_PER_MINUTE: '100000', DEADLINE_MS: '3000' } });
  [eu, jp] = [new Client(shop.gateways.eu), new Client(shop.gateways.jp)];
  await shop.data.items.put({ code: 'tea', cents: 100 });
  await shop.data.stock.insert({ item: 'tea', pieces: 1_000 });
}, 120_000);

afterAll(() => shop?.stop(), 60_000);

/** Somebody whose money is on the shard that has the stock of tea, or on the other one. */
async function buyerOn(where: 'shard of the tea' | 'other shard') {
  const ofTea = shop.data.stock.explain('tea').shard;
  for (;;) {
    const buyer = await newBuyer(shop);
    const { shard } = shop.data.accounts.explain(buyer.id);
    if ((shard === ofTea) === (where === 'shard of the tea')) return { ...buyer, shard };
  }
}

const serverOf = (shard: string) => {
  if (shard !== 'tx-1' && shard !== 'tx-2') throw new RangeError(`${shard} has no ledger`);
  return shop.cluster.shards[shard].primary;
};

describe('behind the gateway', () => {
  it('services answer the gateway only, but for what is public', async () => {
    const { eu: services } = shop.services;
    const statusOf = async (path: string, headers = {}) => {
      const [service = '', ...rest] = path.split('/');
      const url = `${services?.[service]}/${rest.join('/')}`;
      return (await fetch(url, { headers })).status;
    };
    const spoofed = { 'x-user-id': randomUUID(), 'x-user-role': 'support', 'x-region': 'eu' };
    for (const path of ['user-auth/profile', 'payment/accounts', 'analytics/analytics/regions']) {
      expect(await statusOf(path, spoofed)).toBe(403);
      expect(await statusOf(path, { ...spoofed, 'x-gateway-key': 'guess' })).toBe(403);
    }
    const known = { 'x-gateway-key': shop.gatewayKey };
    expect(await statusOf('analytics/analytics/regions', { ...known, ...spoofed })).toBe(200);
    expect(await statusOf('payment/accounts', known)).toBe(401);
  });

  it('published keys have no private part', async () => {
    const response = await fetch(`${shop.services.jp?.['user-auth']}/jwks`);
    const { kty, crv, x, y, kid } = shop.signingKey;
    expect(await response.json()).toEqual({
      keys: [{ kty, crv, x, y, kid, alg: 'ES256', use: 'sig' }],
    });
  });
});

describe('a shard of the ledger', () => {
  it('that hangs is told as unavailable; what it cost is charged once when it is back', async () => {
    const poor = await buyerOn('other shard');
    const lucky = await buyerOn('shard of the tea');
    const order = { item: 'tea', pieces: 1 };
    const asked = { token: poor.token, key: randomUUID() };
    const checkout = () =>
      eu.ask('POST', '/checkouts', { ...order, account_id: poor.account }, asked);
    await serverOf(poor.shard).pause();
    try {
      const answer = await checkout();
      expect(answer.status).toBe(503);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(answer.headers.get('retry-after')).toBe('1');
      const sold = await jp.ask(
        'POST',
        '/checkouts',
        { ...order, account_id: lucky.account },
        { token: lucky.token },
      );
      expect(sold.status).toBe(201);
    } finally {
      await serverOf(poor.shard).resume();
    }
    await expect.poll(async () => (await checkout()).status, { timeout: 20_000 }).toBe(201);
    const again = await checkout();
    expect(again.status).toBe(201);
    expect(await balanceOf(shop, poor.id, poor.account)).toEqual({ held: 9_900, entered: 9_900 });
  });

  it('that is killed under checkouts loses none of them and charges none twice', async () => {
    const buyer = await buyerOn('other shard');
    const order = { account_id: buyer.account, item: 'tea', pieces: 1 };
    const keys = Array.from({ length: 20 }, () => randomUUID());
    const buy = async (key: string) => {
      for (;;) {
        const answer = await eu.ask('POST', '/checkouts', order, { token: buyer.token, key });
        if (answer.status === 201) return answer.text;
        expect(answer.status).toBe(503);
      }
    };
    const receipts = keys.map(buy);
    await Promise.race(receipts);
    await serverOf(buyer.shard).kill();
    await serverOf(buyer.shard).restart();
    const told = await Promise.all(receipts);
    expect(new Set(told).size).toBe(20);
    expect(await Promise.all(keys.map(buy))).toEqual(told);
    const held = { held: 8_000, entered: 8_000 };
    expect(await balanceOf(shop, buyer.id, buyer.account)).toEqual(held);
  });
});

describe('the inventory', () => {
  const checkout = (buyer: { token: string; account: string }, item: string, key: string) =>
    eu.ask(
      'POST',
      '/checkouts',
      { account_id: buyer.account, item, pieces: 1 },
      { token: buyer.token, key },
    );
  const piecesOf = async (item: string) => (await shop.data.stock.get(item))?.pieces;

  it('that is slow sells nothing that it may not have; later the key gets a piece', async () => {
    const buyer = await newBuyer(shop);
    const left = await piecesOf('tea');
    const key = randomUUID();
    await shop.data.stock.at('tea').transaction(
      async (trx) => {
        await trx.stock.get('tea', { forUpdate: true });
        const refused = await checkout(buyer, 'tea', key);
        expect(refused).toMatchObject({
          status: 503,
          body: { type: 'urn:shop:problem:unavailable', outcome: 'not-applied' },
        });
      },
      { timeoutMs: 20_000 },
    );
    expect(await balanceOf(shop, buyer.id, buyer.account)).toMatchObject({ held: 10_000 });
    const later = async () => (await checkout(buyer, 'tea', key)).body;
    await expect.poll(later, { timeout: 20_000 }).toMatchObject({ stock: 'reserved' });
    expect(await piecesOf('tea')).toBe((left ?? 0) - 1);
    expect(await balanceOf(shop, buyer.id, buyer.account)).toEqual({ held: 9_900, entered: 9_900 });
  });

  it('that hangs has things sold on backorder, and each such sale has one answer for ever', async () => {
    await shop.data.items.put({ code: 'rug', cents: 900 });
    await shop.data.stock.insert({ item: 'rug', pieces: 0 });
    const [buyer, other] = [await newBuyer(shop), await newBuyer(shop)];
    const key = randomUUID();
    const signal = (name: 'SIGSTOP' | 'SIGCONT') => process.kill(shop.inventory.pid ?? 0, name);
    signal('SIGSTOP');
    try {
      const sold = async () => (await checkout(buyer, 'rug', key)).body;
      await expect.poll(sold, { timeout: 20_000 }).toMatchObject({ stock: 'on-backorder' });
    } finally {
      signal('SIGCONT');
    }
    const receipt = await checkout(buyer, 'rug', key);
    expect(receipt).toMatchObject({ status: 201, body: { stock: 'on-backorder' } });
    const soldOut = async () => (await checkout(other, 'rug', randomUUID())).text;
    await expect.poll(soldOut, { timeout: 20_000 }).toContain('urn:shop:problem:sold-out');
    expect(await checkout(buyer, 'rug', key)).toMatchObject({ status: 201, text: receipt.text });
    await shop.data.items.delete('rug');
    expect(await checkout(buyer, 'rug', key)).toMatchObject({ status: 201, text: receipt.text });
    const held = { held: 9_100, entered: 9_100 };
    expect(await balanceOf(shop, buyer.id, buyer.account)).toEqual(held);
  });
});

it('an export that can not be whole is refused, not cut short', async () => {
  const { token } = await newBuyer(shop, 'support');
  const ask = () => eu.ask('GET', '/analytics/transactions.csv', undefined, { token });
  expect((await ask()).text).toMatch(/^id,account_id,kind,item,cents,region,at\n/);
  await serverOf('tx-2').kill();
  try {
    const refused = await ask();
    expect(refused).toMatchObject({ status: 503, body: { type: 'urn:shop:problem:unavailable' } });
  } finally {
    await serverOf('tx-2').restart();
  }
});

it('Z6: exports that nobody reads leave the rest of the service its connections', async () => {
  const { id, token, account } = await newBuyer(shop, 'support');
  // More than what lies in buffers on the way.
  const row = {
    owner_id: id,
    account_id: account,
    kind: 'transfer',
    region: 'eu',
    item: 'x'.repeat(40),
    cents: 0,
    at: new Date(0),
  } as const;
  for (let part = 0; part < 10; part++) {
    await shop.data.transactions.insertMany(
      Array.from({ length: 10_000 }, () => row),
      {
        timeoutMs: 30_000,
      },
    );
  }
  const url = `${shop.gateways.eu}/analytics/transactions.csv`;
  const ask = () => fetch(url, { headers: { authorization: `Bearer ${token}` } });
  const exports = await Promise.all(Array.from({ length: 12 }, ask));
  expect(exports.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(2);
  const regions = async () =>
    (await eu.ask('GET', '/analytics/regions', undefined, { token })).status;
  await expect.poll(regions, { timeout: 30_000 }).toBe(200);
  await Promise.all(exports.map(({ body }) => body?.cancel()));
}, 90_000);

describe('Redis', () => {
  it('that is away takes nothing from anybody but speed', async () => {
    const user = { country: 'DE', phone: newPhone(), name: 'Ada', password };
    const { token } = await eu.join(user);
    await shop.cluster.redis.kill();
    try {
      const profile = await eu.ask('GET', '/profile', undefined, { token });
      expect(profile.body).toMatchObject({ name: 'Ada' });
      const renamed = await eu.ask('PATCH', '/profile', { name: 'Ada L.' }, { token });
      expect(renamed.status).toBe(204);
      const changed = await jp.ask('GET', '/profile', undefined, { token });
      expect(changed.body).toMatchObject({ name: 'Ada L.' });
      expect((await jp.logIn(user)).token).not.toBe('');
    } finally {
      await shop.cluster.redis.restart();
    }
  });
});

it('a shard of users that is away costs its users what it alone knows, and nobody else anything', async () => {
  const germanOne = { country: 'DE', phone: newPhone(), name: 'Ada', password };
  const japaneseOne = { country: 'JP', phone: newPhone(), name: 'Kenji', password };
  await eu.join(germanOne);
  const { token } = await eu.join(japaneseOne);
  await eu.ask('GET', '/profile', undefined, { token });
  await shop.cluster.shards['jp-1'].primary.kill();
  try {
    const logIn = ({ phone }: { phone: string }) =>
      eu.ask('POST', '/sessions', { phone, password });
    expect((await logIn(germanOne)).status).toBe(201);
    expect((await logIn(japaneseOne)).status).toBe(503);
    const cached = await eu.ask('GET', '/profile', undefined, { token });
    expect(cached.body).toMatchObject({ name: 'Kenji' });
    const register = (country: string) =>
      eu.ask('POST', '/users', { country, phone: newPhone(), name: 'x', password });
    expect((await register('JP')).status).toBe(503);
    expect((await register('DE')).status).toBe(201);
  } finally {
    await shop.cluster.shards['jp-1'].primary.restart();
  }
});
