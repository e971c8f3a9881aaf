import { afterAll, expect, it } from 'vitest';
import { templateOf } from '../../../src/cache/redis/links/redis-client.ts';
import { RedisLink } from '../../../src/cache/redis/links/redis-link.ts';
import { type Asked, type ReadBatch, ReadBatches } from '../../../src/cache/redis/read-batches.ts';
import { untold } from '../../../src/cache/trust.ts';

const settings = { name: 'none', commandTimeoutMs: 10, maxGapMs: 1_000, settleMs: 0 };
/** A link to nowhere: batches only tell one from another. */
const openLink = () => new RedisLink(templateOf('redis://127.0.0.1:1'), settings, () => {});
const links = [openLink(), openLink()] as const;
const [link, otherLink] = links;

afterAll(() => {
  for (const one of links) one.close();
});

const asked: Asked = {
  server: 'a',
  witness: { trust: untold, generation: 0, youngUntilMs: 0 },
  atMs: 0,
  wallMs: 0,
};
const tick = () => new Promise((resolve) => setImmediate(resolve));

/** Batches as they leave; each is answered when the test says so. */
function batches() {
  const left: { link: RedisLink; batch: ReadBatch; answer(): void }[] = [];
  const reads = new ReadBatches(
    (to, batch) =>
      new Promise((resolve) => {
        const answer = () => {
          for (const [place, key] of batch.keys.entries()) batch.answer(place, `${key}!`, asked);
          resolve();
        };
        left.push({ link: to, batch, answer });
      }),
  );
  const sizes = () => left.map(({ batch }) => batch.keys.length);
  return { reads, left, sizes };
}

it('the reads of a tick leave together at its end, one batch a server', async () => {
  const { reads, left, sizes } = batches();
  for (let key = 0; key < 10; key++) reads.add(link, `key-${key}`, () => {});
  reads.add(otherLink, 'key-0', () => {});
  expect(left).toEqual([]);
  await tick();
  expect(sizes()).toEqual([10, 1]);
  expect(left.map((one) => one.link)).toEqual([link, otherLink]);
  reads.add(link, 'later', () => {});
  await tick();
  expect(sizes()).toEqual([10, 1, 1]);
});

it('a key that several ask for is asked once, and all are answered', async () => {
  const { reads, left, sizes } = batches();
  const answers: (string | null | undefined)[] = [];
  for (let reader = 0; reader < 3; reader++) reads.add(link, 'ada', (text) => answers.push(text));
  reads.add(link, 'bob', (text) => answers.push(text));
  await tick();
  expect(sizes()).toEqual([2]);
  left[0]?.answer();
  expect(answers).toEqual(['ada!', 'ada!', 'ada!', 'bob!']);
});

it('under load the reads of a tick leave in halves, the first before the tick ends', async () => {
  const { reads, left, sizes } = batches();
  const burst = async () => {
    for (let key = 0; key < 100; key++) reads.add(link, `key-${key}`, () => {});
    const before = sizes();
    await tick();
    for (const one of left) one.answer();
    await tick();
    return before;
  };
  // It learns from the bursts how many come; then half of them do not wait for the rest.
  for (let round = 0; round < 100; round++) await burst();
  left.splice(0);
  const before = await burst();
  expect(before[0]).toBeGreaterThanOrEqual(45);
  expect(before[0]).toBeLessThanOrEqual(60);
  expect(sizes().reduce((sum, size) => sum + size, 0)).toBe(100);
});

it('no batch is longer than a thousand keys, and a few keys never leave in halves', async () => {
  const { reads, left, sizes } = batches();
  for (let key = 0; key < 5_000; key++) reads.add(link, `key-${key}`, () => {});
  await tick();
  expect(Math.max(...sizes())).toBe(1_000);
  for (const one of left.splice(0)) one.answer();
  await tick();
  for (let round = 0; round < 200; round++) {
    for (let key = 0; key < 10; key++) reads.add(link, `key-${key}`, () => {});
    await tick();
    for (const one of left) one.answer();
    await tick();
  }
  expect(new Set(sizes())).toEqual(new Set([10]));
});
