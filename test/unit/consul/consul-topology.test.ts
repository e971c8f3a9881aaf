import { getEventListeners } from 'node:events';
import { consulTopology } from 'meridian/consul';
import { afterEach, describe, expect, it } from 'vitest';
import { pauseMs } from '../../../src/consul/pauses.ts';
import {
  answersWith,
  breaksOff,
  type ConsulSpeaker,
  holds,
  isSilent,
  startConsulSpeaker,
} from '../../support/servers/consul-speaker.ts';

let consul: ConsulSpeaker;
const watching = new AbortController();

async function sourceOf(answers: Parameters<typeof startConsulSpeaker>[0], options: object = {}) {
  consul = await startConsulSpeaker(answers);
  return consulTopology({ url: consul.url, key: 'meridian/topology', ...options });
}

/** The first so many documents of a watch, and an index of each question that led to them. */
async function watched(source: ReturnType<typeof consulTopology>, count: number) {
  const documents: unknown[] = [];
  for await (const document of source.watch?.(watching.signal) ?? []) {
    documents.push(document);
    if (documents.length === count) break;
  }
  return documents;
}

const indexes = () => consul.asked.map(({ searchParams }) => searchParams.get('index'));

afterEach(() => consul?.close());

describe('the document under a key of Consul', () => {
  it('is read by its key, with the token, from any server', async () => {
    const token = () => 'of-today';
    const source = await sourceOf([holds('{"epoch":3}', 7)], { token, datacenter: 'dc2' });
    expect(await source.load()).toEqual({ epoch: 3 });
    expect(consul.asked[0]?.href).toBe('http://consul/v1/kv/meridian/topology?raw=&stale=&dc=dc2');
    expect(consul.headers[0]?.['x-consul-token']).toBe('of-today');
  });

  it.each([
    ['no key', answersWith(404, { 'x-consul-index': '5' }), /there is no such key/],
    ['no right', answersWith(403), /not allowed by its token/],
    ['a redirect', answersWith(301, { location: 'http://127.0.0.1:1/' }), /is redirected/],
    ['a failure', answersWith(500), /answers 500/],
    ['garbage', holds('{"epoch": s3cret', 3), /is not JSON/],
    ['half an answer', breaksOff, /can not be asked: ECONNRESET/],
    ['too much', holds(' '.repeat(8 * 1024 * 1024 + 1), 3), /more than 8388608 bytes/],
    ['silence', isSilent, /no whole answer within 200 ms/],
  ])('is refused where there is %s, and nothing is quoted', async (_, answer, message) => {
    const timeoutMs = answer === isSilent ? 200 : 60_000;
    const source = await sourceOf([answer], { timeoutMs, token: 's3cret-token' });
    const error = await source.load().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect(String(error)).not.toContain('s3cret');
    expect(consul.asked).toHaveLength(1);
  });

  it.each([
    [
      'throws',
      () => {
        throw new TypeError('s3cret');
      },
      /token: threw TypeError/,
    ],
    ['reads a file with the end of its line', () => 's3cret\n', /token: gave characters/],
    ['gives a promise', (async () => 's3cret') as unknown as () => string, /token: gave no text/],
  ])(
    'is not asked for where the function for its token %s, and that is told',
    async (_, token, message) => {
      const source = await sourceOf([holds('{"epoch":3}', 7)], { token });
      const error = await source.load().catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        code: 'MERIDIAN_CONFIG',
        message: expect.stringMatching(message),
      });
      expect(String(error)).not.toContain('s3cret');
      expect(consul.asked).toEqual([]);
    },
  );

  it('leaves nothing behind in a signal that lives on', async () => {
    const source = await sourceOf([holds('{"epoch":3}', 7)]);
    const { signal } = new AbortController();
    for (let question = 0; question < 3; question++) await source.load(signal);
    const kept = Object.getOwnPropertySymbols(signal).map((name) => Reflect.get(signal, name));
    // Node's own sets, which are no instances of Set.
    expect(kept.filter((one: { size?: number } | undefined) => (one?.size ?? 0) > 0)).toEqual([]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('is given again when the index has grown, and only if it is another', async () => {
    const source = await sourceOf([
      holds('{"epoch":1}', 5),
      holds('{"epoch":1}', 6),
      holds('{"epoch":2}', 8),
    ]);
    expect(await watched(source, 2)).toEqual([{ epoch: 1 }, { epoch: 2 }]);
    expect(indexes()).toEqual([null, '5', '6']);
    expect(consul.asked[1]?.searchParams.get('wait')).toBe('60000ms');
  });

  it('is read anew, at no index, before it is believed where the index went back', async () => {
    const source = await sourceOf([
      holds('{"epoch":4}', 90),
      holds('{"epoch":2}', 10),
      holds('{"epoch":5}', 11),
    ]);
    expect(await watched(source, 2)).toEqual([{ epoch: 4 }, { epoch: 5 }]);
    expect(indexes()).toEqual([null, '90', null]);
  });

  it.each([0, undefined, '', 'abc', '-3', '1e9'])(
    'is not waited for at the index %s',
    async (index) => {
      const source = await sourceOf([holds('{"epoch":1}', index), holds('{"epoch":2}', 5)]);
      expect(await watched(source, 2)).toEqual([{ epoch: 1 }, { epoch: 2 }]);
      expect(indexes()).toEqual([null, null]);
    },
  );

  it('that is gone is no empty one: nothing is given until there is another', async () => {
    const source = await sourceOf([
      holds('{"epoch":1}', 5),
      answersWith(404, { 'x-consul-index': '6' }),
      holds('{"epoch":2}', 7),
    ]);
    expect(await watched(source, 2)).toEqual([{ epoch: 1 }, { epoch: 2 }]);
    expect(indexes()).toEqual([null, '5', '6']);
  });

  it('is told once where it is none, and taken when it is one again', async () => {
    const source = await sourceOf([holds('{', 5), holds('{', 5), holds('{"epoch":2}', 7)]);
    await expect(watched(source, 1)).rejects.toThrow(/is not JSON/);
    expect(await watched(source, 1)).toEqual([{ epoch: 2 }]);
    expect(indexes()).toEqual([null, null, '5']);
  });

  it('is asked for after a pause where Consul failed, which is told', async () => {
    const source = await sourceOf([answersWith(500), breaksOff, holds('{"epoch":2}', 7)]);
    await expect(watched(source, 1)).rejects.toThrow(/answers 500/);
    const begunAt = performance.now();
    await expect(watched(source, 1)).rejects.toThrow(/ECONNRESET/);
    expect(performance.now() - begunAt).toBeGreaterThan(120);
    expect(await watched(source, 1)).toEqual([{ epoch: 2 }]);
    expect(performance.now() - begunAt).toBeGreaterThan(370);
  });

  it('is not waited for longer than Consul was asked to wait, a sixteenth and the time for an answer', async () => {
    const source = await sourceOf([holds('{"epoch":1}', 5), isSilent], {
      waitMs: 1_000,
      timeoutMs: 100,
    });
    await expect(watched(source, 2)).rejects.toThrow(/no whole answer within 1163 ms/);
  });

  it('is no longer watched once the signal fires', async () => {
    const source = await sourceOf([holds('{"epoch":1}', 5), isSilent]);
    const closing = new AbortController();
    const documents = source.watch?.(closing.signal)[Symbol.asyncIterator]();
    expect(await documents?.next()).toEqual({ done: false, value: { epoch: 1 } });
    const next = documents?.next();
    closing.abort();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

it('the pauses double up to half a minute, and no two are alike', () => {
  const longest = [1, 2, 3, 8, 100].map((failures) => pauseMs(failures, () => 1));
  expect(longest).toEqual([250, 500, 1_000, 30_000, 30_000]);
  expect(pauseMs(8, () => 0)).toBe(15_000);
  expect(pauseMs(0, () => 1)).toBe(0);
});

it.each([
  [{ url: 'http://consul.example:8500' }, /leads to another machine in plain text/],
  [{ url: 'https://consul.example:8500?tls=off' }, /says tls=off/],
  [{ url: 'http://token:s3cret@127.0.0.1:8500' }, /give it a 'token'/],
  [{ url: 'tcp://127.0.0.1:8500' }, /neither http/],
  [{ url: 'https://consul.example', tls: { ca: '/no/such.pem' } }, /can not be read: ENOENT/],
  [{ url: 'https://consul.example', tls: { cert: '-----BEGIN ' } }, /tls.key: is missing/],
  [{ key: '/meridian' }, /Consul's keys do not/],
  [{ waitMs: 300_001 }, /waitMs/],
  [{ tokn: 'x' }, /did you mean 'token'/i],
])('options that make no sense are refused: %o', (options, message) => {
  expect(() => consulTopology({ key: 'meridian/topology', ...options })).toThrow(message);
  try {
    consulTopology({ key: 'meridian/topology', ...options });
  } catch (error) {
    expect(String(error)).not.toContain('s3cret');
  }
});
