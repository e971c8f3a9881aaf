import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../measure.ts';
import type { Result } from '../result.ts';
import { withChildren } from './child-party.ts';
import { meridian } from './meridian.ts';
import { peers } from './peers.ts';

const callers = 1_000;
const loadMs = 50;
const rounds = 5;
const leaseMs = 1_000;

interface Crowd {
  readonly loads: number;
  readonly slowestMs: number;
}

/** A thousand callers in each process get one key that nobody has; loads are counted. */
export async function crowds(redis: string): Promise<Result[]> {
  const results: Result[] = [];
  for (const processes of [1, 4]) {
    const own = await crowd(meridian.name, processes, redis);
    const others: [string, Crowd][] = [];
    for (const { name } of peers) others.push([name, await crowd(name, processes, redis)]);
    const theirs = others.map(([name, { loads }]) => `${name} ${loads}`).join(', ');
    results.push({
      name: `cold key, ${callers} callers in each of ${processes}`,
      value: `${own.loads} loads, slowest ${own.slowestMs.toFixed(0)} ms  (loads: ${theirs})`,
      target: `1 load, ≤ 120 ms`,
      met: own.loads === 1 && own.slowestMs <= 120,
      figures: {
        loads: own.loads,
        slowestMs: own.slowestMs,
        ...Object.fromEntries(others.map(([name, { loads }]) => [`${name} loads`, loads])),
      },
    });
  }
  return results;
}

/** The most loads of any round, and the median of the slowest callers. */
async function crowd(rival: string, processes: number, redis: string): Promise<Crowd> {
  return withChildren(processes, async (children) => {
    const namespace = `bench-crowd-${processes}-${rival}`;
    const setup = { namespace, redis, memory: true };
    await Promise.all(children.map((child) => child.carryOut({ do: 'open', rival, setup })));
    let loads = 0;
    const slowest: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const order = { do: 'crowd', key: `cold-${round}`, callers, loadMs } as const;
      const reports = await Promise.all(children.map((child) => child.carryOut(order)));
      loads = Math.max(
        loads,
        reports.reduce((sum, report) => sum + report.loads, 0),
      );
      slowest.push(Math.max(...reports.map((report) => report.slowestMs)));
    }
    return { loads, slowestMs: median(slowest) };
  });
}

/** The process that loads is killed with SIGKILL: how long those wait who waited for it. */
export async function killedOwner(redis: string): Promise<Result> {
  const waited: number[] = [];
  for (let round = 0; round < 3; round++) {
    const ms = await withChildren(2, async ([owner, other]) => {
      if (owner === undefined || other === undefined) throw new Error('two children are needed');
      const setup = { namespace: `bench-killed-${round}`, redis, memory: true, leaseMs };
      for (const child of [owner, other]) {
        await child.carryOut({ do: 'open', rival: meridian.name, setup });
      }
      await owner.carryOut({ do: 'begin', keys: ['cold'] });
      const answered = other
        .carryOut({ do: 'crowd', key: 'cold', callers: 100, loadMs })
        .then(({ loads }) => ({ loads, atMs: performance.now() }));
      // Time for the others to ask, and to find that it is being loaded.
      await sleep(100);
      const begun = performance.now();
      await owner.kill();
      const { loads, atMs } = await answered;
      if (loads !== 1) throw new Error(`the others loaded ${loads} times`);
      return atMs - begun;
    });
    waited.push(ms);
  }
  const worstMs = Math.max(...waited);
  // Below zero: they did not wait for it, and loaded a second time.
  const leastMs = Math.min(...waited);
  const target = leaseMs + loadMs + 100;
  return {
    name: 'its loader is killed: others wait',
    value: `${worstMs.toFixed(0)} ms at most, ${median(waited).toFixed(0)} ms in the middle`,
    target: `≤ ${target} ms (lease ${leaseMs}, load ${loadMs})`,
    met: worstMs <= target && leastMs > 0,
    figures: { worstMs, leastMs, medianMs: median(waited), leaseMs, loadMs },
  };
}
