/**
 * The shop, with four shards, a Redis and nine processes, and a visit to it that is checked.
 *
 * npm run example [-- --swap] [-- --keep]
 */
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { type Answer, Client } from './local/client.ts';
import { startShop } from './local/shop.ts';
import { swapUnderCheckouts } from './swap.ts';

const say = (line: string) => console.log(`  ${line}`);
let failures = 0;
function check(what: string, isSo: boolean): void {
  if (!isSo) failures++;
  console.log(`${isSo ? '  ✓' : '  ✗'} ${what}`);
}

const begunAt = performance.now();
const isSwapping = process.argv.includes('--swap');
// Who buys all the time is not slowed down.
const env = isSwapping ? { REQUESTS_PER_MINUTE: '1000000' } : {};
const shop = await startShop({ onProgress: say, env });
const { data, cluster, gateways } = shop;
try {
  await data.items.put({ code: 'tea', cents: 350 });
  await data.stock.insert({ item: 'tea', pieces: 100 });
  await visit();
  if (isSwapping) await swapUnderCheckouts(shop, { say, check });
  if (process.argv.includes('--keep')) await keep();
} finally {
  await shop.stop();
}
const seconds = ((performance.now() - begunAt) / 1000).toFixed(1);
console.log(failures === 0 ? `example: ok (${seconds} s)` : `example: ${failures} checks failed`);
if (failures > 0) process.exitCode = 1;

async function visit(): Promise<void> {
  const [berlin, tokyo] = [new Client(gateways.eu), new Client(gateways.jp)];
  const password = 'correct horse battery';
  const ada = await berlin.join({ country: 'DE', phone: '+493012345', name: 'Ada', password });
  // Whose account is on the ledger shard where Ada's is not.
  const adaShard = data.accounts.explain(ada.id).shard;
  let kenji = ada;
  for (let i = 0; data.accounts.explain(kenji.id).shard === adaShard; i++) {
    const phone = `+8131234567${i}`;
    kenji = await tokyo.join({ country: 'JP', phone, name: 'Kenji', password });
  }
  check('Ada, of Germany, is stored in eu', data.users.explain(ada.id).shard === 'eu-1');
  check('Kenji, of Japan, is stored in jp', data.users.explain(kenji.id).shard === 'jp-1');

  const purse = await berlin.openAccount(ada.token, 'purse');
  const purseOfKenji = await tokyo.openAccount(kenji.token, 'purse');
  const order = { account_id: purse, item: 'tea', pieces: 2 };
  const asked = { token: ada.token, key: 'breakfast-1' };
  const first = await berlin.ask('POST', '/checkouts', order, asked);
  const second = await berlin.ask('POST', '/checkouts', order, asked);
  check('a checkout is made', first.status === 201);
  check('the same key gets the same receipt', second.text === first.text);
  const accounts = await berlin.ask('GET', '/accounts', undefined, { token: ada.token });
  check('and is charged once: 93.00 of 100.00 are left', accounts.text.includes('"cents":9300'));

  const profile = () => berlin.ask('GET', '/profile', undefined, { token: ada.token });
  check('Ada sees her profile', (await profile()).status === 200);
  await cluster.shards['eu-1'].primary.kill();
  say("the shard eu-1, where Ada's row is, was killed");
  const cached = await profile();
  check('her profile answers from the cache', cached.text.includes('"name":"Ada"'));
  await cluster.shards['eu-1'].primary.restart();

  const victim = adaShard === 'tx-1' ? 'tx-1' : 'tx-2';
  await cluster.shards[victim].primary.kill();
  say(`the shard ${victim}, where Ada's money is, was killed`);
  const refused = await berlin.ask('POST', '/checkouts', order, { token: ada.token });
  check('her checkout is refused for the moment, as a problem', isUnavailable(refused));
  const elsewhere = { account_id: purseOfKenji, item: 'tea', pieces: 1 };
  const sold = await tokyo.ask('POST', '/checkouts', elsewhere, { token: kenji.token });
  check('a checkout elsewhere still works', sold.status === 201);
  await cluster.shards[victim].primary.restart();
  say(`${victim} is back`);

  await data.users.update(kenji.id, { role: 'support' });
  const { token } = await tokyo.logIn({
    phone: (await data.users.get(kenji.id))?.phone ?? '',
    password,
  });
  const ask = () => tokyo.ask('GET', '/analytics/regions', undefined, { token });
  let totals = await ask();
  for (let i = 0; totals.status === 503 && i < 20; i++) {
    await setTimeout(Number(totals.headers.get('retry-after')) * 1_000);
    totals = await ask();
  }
  const expected = { eu: { checkouts: 1, cents: 700 }, jp: { checkouts: 1, cents: 350 } };
  check(`the totals match: ${totals.text}`, same(totals.body, expected));
}

function isUnavailable({ status, text }: Answer): boolean {
  return status === 503 && text.includes('"type":"urn:shop:problem:unavailable"');
}

function same(a: unknown, b: object): boolean {
  const sorted = (value: unknown) =>
    JSON.stringify(Object.entries(value ?? {}).sort(([x], [y]) => x.localeCompare(y)));
  return sorted(a) === sorted(b);
}

async function keep(): Promise<void> {
  const { eu, jp } = gateways;
  console.log(`\nThe shop stays open until Ctrl-C, in eu at ${eu}, in jp at ${jp}. For example:

  curl ${eu}/users -H 'content-type: application/json' \\
    -d '{"country":"DE","phone":"+4930123456","name":"You","password":"correct horse battery"}'
`);
  await once(process, 'SIGINT');
}
