import { createCache } from 'meridian/cache';
import { expect, it } from 'vitest';

interface Node {
  name: string;
  up?: Node;
  greet?: () => string;
  born?: Date;
  friends?: Map<string, Node>;
}

const memory = () => createCache<Node>({ redis: false, namespace: 'test', ttlMs: 60_000 });

it('a value that refers to itself can be held in memory', async () => {
  const cache = memory();
  const node: Node = { name: 'Ada' };
  node.up = { name: 'Byron', up: node };
  for (let turn = 0; turn < 2; turn++) {
    const got = await cache.get('ada', async () => node);
    expect(got?.up?.up).toBe(got);
  }
  await cache.close();
});

it('a value with a function can be held in memory', async () => {
  const cache = memory();
  for (let turn = 0; turn < 2; turn++) {
    const got = await cache.get('ada', async () => ({ name: 'Ada', greet: () => 'hello' }));
    expect(got?.greet?.()).toBe('hello');
  }
  await cache.close();
});

it('a value that refers to itself and must be copied for each caller can be held too', async () => {
  const cache = memory();
  const node: Node = { name: 'Ada', born: new Date(0) };
  node.up = node;
  const first = await cache.get('ada', async () => node);
  expect(first?.up?.name).toBe('Ada');
  first?.born?.setTime(1);
  expect((await cache.get('ada', async () => null))?.born).toEqual(new Date(0));
  await cache.close();
});

it('a map that holds itself can be held too', async () => {
  const cache = memory();
  const node: Node = { name: 'Ada', friends: new Map() };
  node.friends?.set('self', node);
  const got = await cache.get('ada', async () => node);
  expect(got?.friends?.get('self')?.name).toBe('Ada');
  await cache.close();
});
