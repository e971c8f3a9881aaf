import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { consulTopology, registerService } from 'meridian/consul';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type ConsulAgentProcess, startConsulAgent } from './consul-agent.ts';

const key = 'meridian/topology';
const path = `/v1/kv/${key}`;
let consul: ConsulAgentProcess;

beforeAll(async () => {
  consul = await startConsulAgent();
});

afterAll(() => consul?.stop());

beforeEach(() => consul.put(path, '{"epoch":1}'));

const source = () => consulTopology({ url: consul.url, key, waitMs: 2_000, timeoutMs: 1_000 });

/** How many of Consul's waits for a change have ended. */
const waits = {
  ended: 0,
  onAnswer: (message: unknown) => {
    const { path: asked } = Reflect.get(Object(message), 'request') ?? {};
    if (String(asked).includes('index=')) waits.ended++;
  },
};
const answers = 'http.client.response.finish';
beforeAll(() => subscribe(answers, waits.onAnswer));
afterAll(() => unsubscribe(answers, waits.onAnswer));

/** Watches as a data layer does: what fails is begun anew. */
function follow(signal: AbortSignal) {
  const seen: unknown[] = [];
  const failures: string[] = [];
  const consulSource = source();
  const done = (async () => {
    while (!signal.aborted) {
      try {
        for await (const document of consulSource.watch?.(signal) ?? []) seen.push(document);
      } catch (error) {
        failures.push(String(error));
      }
    }
  })();
  return { seen, failures, done };
}

it('a document is read, and there is none where the key is gone', async () => {
  expect(await source().load()).toEqual({ epoch: 1 });
  await consul.remove(path);
  await expect(source().load()).rejects.toMatchObject({ code: 'MERIDIAN_CONFIG' });
});

it('a change is seen in a moment, waits that end without one change nothing, and a key that is deleted neither', async () => {
  const closing = new AbortController();
  const { seen, failures, done } = follow(closing.signal);
  await eventually(() => expect(seen).toEqual([{ epoch: 1 }]));
  const delays: number[] = [];
  for (let epoch = 2; epoch <= 10; epoch++) {
    const changedAt = performance.now();
    await consul.put(path, JSON.stringify({ epoch }));
    await eventually(() => expect(seen.at(-1)).toEqual({ epoch }), { interval: 2 });
    delays.push(performance.now() - changedAt);
  }
  expect(Math.max(...delays)).toBeLessThan(1_000);
  const count = seen.length;
  const waitsEnded = waits.ended;
  await consul.remove(path);
  // Other keys move the index on, and a wait of two seconds ends meanwhile.
  for (let i = 0; i < 30; i++) await consul.put(`/v1/kv/other/${i}`, 'x');
  await eventually(() => expect(waits.ended).toBeGreaterThan(waitsEnded + 1));
  expect(seen).toHaveLength(count);
  await consul.put(path, '{"epoch":11}');
  await eventually(() => expect(seen.at(-1)).toEqual({ epoch: 11 }));
  expect(failures).toEqual([]);
  closing.abort();
  await done;
});

it('a Consul that was away, and comes back at a smaller index, is followed again', async () => {
  const closing = new AbortController();
  const { seen, failures, done } = follow(closing.signal);
  await eventually(() => expect(seen).toEqual([{ epoch: 1 }]));
  for (let i = 0; i < 50; i++) await consul.put(`/v1/kv/other/${i}`, 'x');
  await consul.put(path, '{"epoch":2}');
  await eventually(() => expect(seen.at(-1)).toEqual({ epoch: 2 }));
  await consul.startAnew();
  await consul.put(path, '{"epoch":3}');
  await eventually(() => expect(seen.at(-1)).toEqual({ epoch: 3 }), { timeout: 40_000 });
  expect(failures.length).toBeGreaterThan(0);
  closing.abort();
  await done;
});

interface Instance {
  readonly Checks: readonly { readonly CheckID: string; readonly Status: string }[];
  readonly Service: { readonly Port: number; readonly Meta: Record<string, string> };
}

it('a service is known while it lives, is told of by its health, and taken out when it closes', async () => {
  let isHealthy = true;
  const service = await registerService({
    url: consul.url,
    name: 'shop-api',
    id: 'shop/api 1',
    port: 8_080,
    meta: { region: 'eu' },
    ttlMs: 1_000,
    isHealthy: () => isHealthy,
  });
  const passing = () => consul.get<Instance[]>('/v1/health/service/shop-api?passing');
  expect(await passing()).toMatchObject([{ Service: { Port: 8_080, Meta: { region: 'eu' } } }]);
  isHealthy = false;
  await eventually(async () => expect(await passing()).toEqual([]));
  isHealthy = true;
  await eventually(async () => expect(await passing()).toHaveLength(1));
  // Longer than its TTL.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await passing()).toHaveLength(1);
  await service.close();
  expect(await consul.get('/v1/health/service/shop-api')).toEqual([]);
});

it('an agent that was started anew is told again of the service that it has forgotten', async () => {
  const faults: Error[] = [];
  await using _ = await registerService({
    url: consul.url,
    name: 'lasting',
    ttlMs: 1_000,
    onFault: (error) => faults.push(error),
  });
  await consul.startAnew();
  const known = () => consul.get<Instance[]>('/v1/health/service/lasting?passing');
  await eventually(async () => expect(await known()).toHaveLength(1));
});

it('a service that cannot be registered is refused, and nothing is told later', async () => {
  const registering = registerService({ url: 'http://127.0.0.1:9', name: 'nowhere' });
  await expect(registering).rejects.toMatchObject({ code: 'MERIDIAN_UNAVAILABLE' });
});
