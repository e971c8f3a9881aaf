import { readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { TopologyDocument } from 'meridian';
import { startChaosProxy } from 'meridian/testing';
import { z } from 'zod';
import { Client } from './local/client.ts';
import type { Shop } from './local/shop.ts';
import { regionNames, shardNames } from './local/topology.ts';

interface Told {
  say(line: string): void;
  check(what: string, isSo: boolean): void;
}

interface Customer {
  readonly client: Client;
  readonly token: string;
  readonly account: string;
  receipts: number;
  readonly refusals: string[];
}

const health = z.object({ epoch: z.int() });
const accounts = z.array(z.object({ cents: z.int() })).min(1);
const welcomeGift = 10_000;

/** Gives every shard another address and back, one after the other, while customers buy stamps of one cent. */
export async function swapUnderCheckouts(shop: Shop, { say, check }: Told): Promise<void> {
  await shop.data.items.put({ code: 'stamp', cents: 1 });
  await shop.data.stock.insert({ item: 'stamp', pieces: 1_000_000 });
  const customers = await Promise.all(
    regionNames.flatMap((region) => [0, 1].map((number) => customerIn(shop, region, number))),
  );
  let isOver = false;
  const buying = customers.map(async (customer) => {
    while (!isOver) await buy(customer);
  });
  const proxies = [];
  try {
    for (const name of shardNames) {
      const { url } = shop.cluster.shards[name].primary;
      const proxy = await startChaosProxy({ target: url });
      proxies.push(proxy);
      for (const primary of [proxy.urlFor(url), url]) {
        const ms = await follow(shop, name, primary);
        say(`${name} has another address: all services are there after ${ms} ms`);
      }
    }
  } finally {
    isOver = true;
    await Promise.all(buying);
    // What still ran at an address that was left has ended.
    for (const proxy of proxies) await proxy.close();
  }
  const bought = customers.reduce((sum, { receipts }) => sum + receipts, 0);
  const refused = customers.flatMap(({ refusals }) => refusals);
  check(`${bought} checkouts meanwhile, none refused ${refused.slice(0, 3)}`, refused.length === 0);
  const left = await Promise.all(customers.map(balanceOf));
  const isCharged = customers.every(({ receipts }, at) => left[at] === welcomeGift - receipts);
  check('and each is charged once', bought > 0 && isCharged);
}

async function customerIn(shop: Shop, region: 'eu' | 'jp', number: number): Promise<Customer> {
  const client = new Client(shop.gateways[region]);
  const [country, prefix] = region === 'eu' ? ['FR', '+331'] : ['KR', '+821'];
  const phone = `${prefix}1234567${number}`;
  const password = 'correct horse battery';
  const { token } = await client.join({ country, phone, name: 'Collector', password });
  const account = await client.openAccount(token, 'stamps');
  return { client, token, account, receipts: 0, refusals: [] };
}

async function buy(customer: Customer): Promise<void> {
  const { client, token, account, refusals } = customer;
  const order = { account_id: account, item: 'stamp', pieces: 1 };
  const { status, text } = await client.ask('POST', '/checkouts', order, { token });
  if (status === 201) customer.receipts++;
  else refusals.push(text);
}

async function balanceOf({ client, token }: Customer): Promise<number | undefined> {
  const { body } = await client.ask('GET', '/accounts', undefined, { token });
  return accounts.parse(body)[0]?.cents;
}

/** Writes the document, and waits until every service is on its epoch. */
async function follow(shop: Shop, shard: string, primary: string): Promise<number> {
  const { topologyFile } = shop;
  const document: TopologyDocument = JSON.parse(await readFile(topologyFile, 'utf8'));
  const before = document.shards[shard];
  if (before === undefined) throw new TypeError(`there is no ${shard}`);
  const epoch = document.epoch + 1;
  const shards = { ...document.shards, [shard]: { ...before, primary } };
  await writeFile(`${topologyFile}.next`, JSON.stringify({ ...document, epoch, shards }));
  await rename(`${topologyFile}.next`, topologyFile);
  const begunAt = performance.now();
  const urls = [shop.inventory.url, ...Object.values(shop.services).flatMap(Object.values)];
  for (const url of urls) while ((await epochOf(String(url))) !== epoch) await setTimeout(20);
  return Math.round(performance.now() - begunAt);
}

async function epochOf(url: string): Promise<number> {
  const response = await fetch(`${url}/health`);
  return health.parse(await response.json()).epoch;
}
