import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LocalShard } from 'meridian/testing';
import { SeededRandom } from '../../support/seeded-random.ts';
import { check, type Violation } from '../model/checker.ts';
import { committedVersions, prepareRegisters } from '../source/registers.ts';
import { type CachePlan, contractOf } from '../worker/cache-plans.ts';
import { allKeys } from '../worker/keys.ts';
import { Crew } from './crew.ts';
import { type Incident, torment } from './nemesis.ts';
import { type Recording, readRecording } from './recording.ts';
import type { RedisUnderTest } from './redis-under-test.ts';

export interface ExperimentOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly source: LocalShard;
  readonly redis: RedisUnderTest;
  readonly caches: readonly CachePlan[];
  /** Processes. Default 4. */
  readonly workers?: number;
  /** Whether things are broken meanwhile. Default true. */
  readonly isTormented?: boolean;
}

export interface Outcome extends Recording {
  readonly operations: number;
  readonly incidents: readonly Incident[];
  readonly violations: readonly Violation[];
}

/** Lets workers read and write through caches while things break, then checks what they saw. */
export async function experiment(options: ExperimentOptions): Promise<Outcome> {
  const { seed, durationMs, source, redis, caches, workers = 4, isTormented = true } = options;
  const random = new SeededRandom(seed);
  const { adminUrl, url } = source.primary;
  await Promise.all([prepareRegisters(adminUrl, allKeys), redis.clear()]);
  const names = Array.from({ length: workers }, (_, index) => `w${index + 1}`);
  const reach = await redis.open(names);
  const folder = await mkdtemp(join(tmpdir(), 'meridian-history-'));
  const plan = { source: url, caches, clients: 12, restMs: 8 };
  const crew = new Crew(plan, reach.seats, folder, random);
  try {
    await crew.start();
    const faults = isTormented ? [...reach.faults, ...crew.faults] : [];
    const incidents = await torment(faults, durationMs, random);
    await crew.stop();
    const recording = await readRecording(folder, await committedVersions(adminUrl));
    const { writes, reads } = recording.history;
    const violations = check(recording.history, contractOf(caches));
    return { ...recording, operations: writes.length + reads.length, incidents, violations };
  } finally {
    crew.abandon();
    await reach.close();
    await rm(folder, { recursive: true });
  }
}
