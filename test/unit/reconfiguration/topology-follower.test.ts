import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  iterableTopology,
  type MeridianEvent,
  type TopologyDocument,
  type TopologySource,
} from 'meridian';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Call } from '../../../src/execution/call.ts';
import { keepLastGood } from '../../../src/reconfiguration/last-good.ts';
import { TopologyFollower } from '../../../src/reconfiguration/topology-follower.ts';
import type { Topology } from '../../../src/topology/topology.ts';
import { TopologyStore } from '../../../src/topology/topology-store.ts';
import { eventually } from '../../support/eventually.ts';
import { topologyOf } from '../../support/topologies.ts';

const document = (epoch: number): TopologyDocument => ({
  epoch,
  regions: { eu: { code: 1, location: [50.1, 8.7], countries: ['DE'] } },
  shards: { 'eu-1': { region: 'eu', primary: 'mysql://app@127.0.0.1/people' } },
  keyspaces: { people: { code: 1, strategy: 'geo', shards: ['eu-1'] } },
});

describe('a follower of a topology', () => {
  let store: TopologyStore;
  let events: MeridianEvent[];
  let follower: TopologyFollower;
  let adopt: (next: Topology) => Promise<void>;

  beforeEach(() => {
    store = new TopologyStore(topologyOf(document(1)), 'the test');
    events = [];
    adopt = async (next) => store.replace(next);
  });

  afterEach(() => follower.close());

  function follow(source: Partial<TopologySource>, from: 'source' | 'last-good' = 'source') {
    follower = new TopologyFollower({
      source: { name: 'the test', load: async () => document(1), ...source },
      first: { document: document(1), from },
      store,
      observe: (event) => events.push(event),
      lastGood: undefined,
      adopt: (next) => adopt(next),
    });
    follower.start();
  }

  it.each<[string, () => AsyncGenerator<unknown>]>([
    [
      'never answers',
      async function* () {
        await new Promise(() => {});
        yield;
      },
    ],
    [
      'gives one after the other without heeding the signal, or waiting',
      async function* () {
        for (;;) yield document(1);
      },
    ],
  ])('closes beside a source that %s', async (_, watch) => {
    follow({ watch });
    // Timers have their turn.
    await new Promise((resolve) => setTimeout(resolve, 1));
    await follower.close();
  });

  it('tells of a document that can not be worked out, as of any that is refused', async () => {
    const shards = Array.from({ length: 1_100 }, (_, index) => `eu-${index}`);
    const [first] = Object.values(document(2).shards);
    const crowded = {
      ...document(2),
      shards: Object.fromEntries(
        shards.map((name) => [name, { ...first, primary: `mysql://app@127.0.0.1/${name}` }]),
      ),
      keyspaces: { people: { code: 1, strategy: 'geo', shards } },
    };
    follow({
      async *watch() {
        yield crowded;
      },
    });
    await eventually(() => expect(follower.status().refused).not.toBeNull());
    expect(events).toMatchObject([{ type: 'topology-refused', isRetried: false }]);
  });

  it('follows an object that is changed and given again', async () => {
    const same = document(1);
    follow({
      async *watch() {
        for (same.epoch = 2; same.epoch < 5; same.epoch++) yield same;
      },
    });
    await eventually(() => expect(store.current.epoch).toBe(4));
  });

  it('has it from the source once that gives what was kept', async () => {
    follow(
      {
        async *watch() {
          yield document(1);
        },
      },
      'last-good',
    );
    await eventually(() => expect(follower.status().from).toBe('source'));
  });

  it('skips what is newer no more, and tries again what servers did not answer for', async () => {
    const begun: number[] = [];
    let answer = () => {};
    adopt = async (next) => {
      begun.push(next.epoch);
      if (begun.length === 1)
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
      store.replace(next);
    };
    follow({
      async *watch() {
        for (let epoch = 2; epoch < 100; epoch++) yield document(epoch);
        answer();
      },
    });
    await eventually(() => expect(store.current.epoch).toBe(99));
    expect(begun).toEqual([2, 99]);
  });

  it('asks an iterable for nothing that is meant for who watches it', async () => {
    let give: (document: unknown) => void = () => {};
    async function* documents() {
      yield document(1);
      for (;;)
        yield await new Promise<unknown>((resolve) => {
          give = resolve;
        });
    }
    const source = iterableTopology('an iterable', documents());
    await source.load();
    follow(source);
    const call = new Call(store.current, 1_000);
    expect(await follower.reload(call)).toMatchObject({ epoch: 1 });
    call.end();
    for (const epoch of [2, 3]) {
      give(document(epoch));
      await eventually(() => expect(store.current.epoch).toBe(epoch));
    }
  });
});

it('of documents that are kept at one time one is there, whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-kept-'));
  try {
    const path = join(folder, 'last-good.json');
    const great = { epoch: 1, text: 'x'.repeat(100_000) };
    for (let round = 0; round < 20; round++) {
      await Promise.all([keepLastGood(path, great), keepLastGood(path, { epoch: 2 })]);
      expect([1, 2]).toContain(JSON.parse(await readFile(path, 'utf8')).epoch);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
