import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type OpenShop, openShop } from '../../support/shop/open-shop.ts';
import { expectProblem, goodRequests, type Request, send } from '../../support/shop/requests.ts';
import { balanceOf } from '../../support/shop/visitors.ts';

let open: OpenShop;

beforeAll(async () => {
  open = await openShop();
}, 120_000);

afterAll(() => open?.shop.stop(), 60_000);

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

const valid = (): Record<string, Request> => goodRequests(open.buyer, open.support);

/** Every request with each of its strings replaced in turn. */
function* attempts(): Generator<Request> {
  for (const [what, request] of Object.entries(valid())) {
    const fields = Object.entries(request.body ?? {}).filter(([, v]) => typeof v === 'string');
    for (const [field] of fields) {
      for (const value of [...attacks, ...odd]) {
        const fresh = valid()[what] ?? request;
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
  before = await balanceOf(open.shop, open.buyer.id, open.buyer.account);
});

it('through any string of any request is refused, or stored as it is', async () => {
  const { accounts, users, credentials } = open.shop.data;
  const counts = { refused: 0, done: 0 };
  const opened: string[] = [];
  for (const request of attempts()) {
    const answer = await send(open.client, request);
    if (answer.status >= 400) {
      expectProblem(answer);
      counts.refused++;
      continue;
    }
    counts.done++;
    const name = String(request.body?.name).trim();
    if (request.path === '/accounts') opened.push(name);
    if (request.path !== '/profile') continue;
    const stored = await users.get(open.buyer.id, { consistency: 'primary' });
    expect(stored).toMatchObject({ name, role: 'customer' });
  }
  const found = await accounts.at(open.buyer.id).list({ limit: 1_000 });
  expect(found.map(({ name }) => name).sort()).toEqual([...opened, 'purse'].sort());
  expect(counts.refused).toBeGreaterThan(200);
  expect(counts.done).toBeGreaterThan(20);
  const after = await balanceOf(open.shop, open.buyer.id, open.buyer.account);
  expect(after).toEqual(before);
  expect(after.held).toBe(after.entered);
  expect(await credentials.get(open.buyer.id)).toBeNull();
}, 120_000);

it('through the idempotency key is refused or leaves one charge', async () => {
  for (const attack of attacks) {
    // Neither can a header hold what is no printable ASCII, nor is a plain word an attack.
    if (/[^\x20-\x7e]|^\w+$/.test(attack)) continue;
    const request = goodRequests(open.buyer, open.support)['check out'];
    expectProblem(await send(open.client, request, { 'idempotency-key': attack }), 400);
  }
  expect(await balanceOf(open.shop, open.buyer.id, open.buyer.account)).toEqual(before);
});

it('leaves nothing of what was sent in the log, and no error of ours', async () => {
  const totals = await open.client.ask('GET', '/analytics/regions', undefined, {
    token: open.support.token,
  });
  expect(totals.status).toBe(200);
  await expect.poll(open.log).toContain('/analytics/regions');
  for (const sent of ['DROP TABLE', 'etc/passwd', '"level":50', open.buyer.token]) {
    expect(open.log()).not.toContain(sent);
  }
});
