import type { MeridianEvent } from 'meridian';
import { createCache } from 'meridian/cache';
import { expect, it } from 'vitest';
import { packValue, unpackValue } from '../../../src/values/pack-value.ts';

class Money {
  constructor(readonly cents: number) {}
}
class Log extends Array<number> {}

const kept: readonly (readonly [string, unknown])[] = [
  ['a Float64Array', new Float64Array([1.5, Number.NaN, -0])],
  ['a view into a larger buffer', new Int16Array(new ArrayBuffer(64), 8, 3)],
  ['a BigUint64Array', new BigUint64Array([2n ** 64n - 1n])],
  ['a Uint8Array', new Uint8Array([0, 255])],
  ['a Buffer', Buffer.from([0, 255])],
  ['an object without a prototype', Object.assign(Object.create(null), { a: [1] })],
  ['a Map in a Set', new Set([new Map([[Number.NaN, undefined]])])],
  ['a date that is none', new Date(Number.NaN)],
  ['minus zero', [-0, 0, Number.POSITIVE_INFINITY]],
  ['undefined inside', { a: undefined, b: [undefined] }],
  ['a name that sets prototypes', JSON.parse('{"__proto__":{"a":1}}')],
  ['the sign of marks', { $: 'n', v: '1' }],
];

const keptOut: readonly (readonly [string, unknown])[] = [
  ['an instance of Money', new Money(5)],
  ['an instance of URL', new URL('https://example.org/secret')],
  ['an instance of RegExp', /secret/],
  ['an instance of Error', new Error('secret')],
  ['an instance of ArrayBuffer', new ArrayBuffer(8)],
  [
    'a getter',
    {
      get secret() {
        return 1;
      },
    },
  ],
  ['a name that is a symbol', { [Symbol('secret')]: 1 }],
  ['an array with holes', Object.assign([1], { 2: 3 })],
  ['an array with holes, names or a class', Log.from([1])],
  ['an array with holes, names', Object.assign([1], { secret: 2 })],
];

function open() {
  const events: MeridianEvent[] = [];
  const cache = createCache<unknown>({
    redis: false,
    namespace: 'test',
    ttlMs: 60_000,
    observer: (event) => events.push(event),
  });
  const faults = () => events.flatMap((one) => (one.type === 'cache-fault' ? [one.message] : []));
  return { cache, faults };
}

it.each(kept)('C4: %s comes back as it was, of memory and of Redis', async (_, value) => {
  const { cache, faults } = open();
  const held = { value };
  for (let turn = 0; turn < 2; turn++) {
    expect(await cache.get('key', async () => held)).toStrictEqual(held);
  }
  expect(cache.peek('key')).toStrictEqual(held);
  expect(unpackValue(JSON.parse(JSON.stringify(packValue(held))))).toStrictEqual(held);
  expect(faults()).toEqual([]);
  await cache.close();
});

it.each(keptOut)(
  'C4: %s is handed out and kept out of both, which is told',
  async (name, value) => {
    const { cache, faults } = open();
    const held = { value };
    for (let turn = 0; turn < 2; turn++)
      expect(await cache.get('key', async () => held)).toBe(held);
    expect(cache.peek('key')).toBeUndefined();
    expect(faults()).toHaveLength(2);
    expect(faults()[0]).toContain(name);
    expect(faults()[0]).not.toContain('secret');
    expect(Object.isFrozen(held)).toBe(false);
    await cache.close();
  },
);

it('C4: Redis takes no instance of a class that would come back as a plain object', () => {
  for (const value of [new Money(5), new URL('https://example.org'), /a/, new Error('b')]) {
    expect(() => packValue({ value })).toThrow('can not be cached');
  }
});

it('C7: what the application holds is neither frozen nor shared', async () => {
  const { cache } = open();
  const settings = { theme: 'dark' };
  const user = { name: 'Ada', settings };
  const got = await cache.get('ada', async () => user);
  expect(Object.isFrozen(user) || Object.isFrozen(settings)).toBe(false);
  settings.theme = 'light';
  expect(got).toEqual({ name: 'Ada', settings: { theme: 'dark' } });
  expect(cache.peek('ada')).toEqual({ name: 'Ada', settings: { theme: 'dark' } });
  expect(Object.isFrozen(got)).toBe(true);
  await cache.close();
});
