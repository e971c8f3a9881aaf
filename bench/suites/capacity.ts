import { mkdirSync, writeFileSync } from 'node:fs';
import {
  capacityChart,
  capacityReport,
  type MeasuredFleet,
  measureCapacity,
} from 'meridian/scaling';
import { startLocalCluster } from 'meridian/testing';
import { Fleet } from '../resilience/fleet.ts';
import { createWork } from '../resilience/work.ts';
import type { Suite } from '../result.ts';

const results = 'bench/results';
const targetMs = 100;
const warmUpCalls = 500;

async function measure(instances: number, url: string): Promise<MeasuredFleet> {
  const fleet = await Fleet.start(instances, url);
  try {
    // Whoever begins cold is slow for a while.
    for (let call = 0; call < warmUpCalls; call++) await fleet.ask();
    const limit = await measureCapacity(() => fleet.ask(), {
      targetMs,
      startPerSecond: 50,
      growth: 1.6,
      stepMs: 3_000,
      precision: 0.1,
    });
    return { instances, ...limit };
  } finally {
    fleet.stop();
  }
}

/** What services carry that share their database and the two cores with it: so they hinder each other. */
export const suite: Suite = {
  name: `What 1, 2 and 4 instances carry with 99 of 100 calls within ${targetMs} ms, by an open loop`,
  async run() {
    const cluster = await startLocalCluster({ shards: ['a'], redis: false });
    try {
      const { url, adminUrl } = cluster.shards.a.primary;
      await createWork(adminUrl);
      const fleets: MeasuredFleet[] = [];
      for (const instances of [1, 2, 4]) fleets.push(await measure(instances, url));
      mkdirSync(results, { recursive: true });
      const report = capacityReport(fleets);
      writeFileSync(`${results}/capacity.md`, report);
      writeFileSync(`${results}/capacity.svg`, capacityChart(fleets));
      return fleets.map(({ instances, maxLoad, steps }) => ({
        name: `${instances} ${instances === 1 ? 'instance' : 'instances'}`,
        value: `${Math.round(maxLoad)} calls/s, found at ${steps.length} rates`,
        figures: { instances, maxLoad, rates: steps.length },
      }));
    } finally {
      await cluster.stop();
    }
  },
};
