import { setTimeout as sleep } from 'node:timers/promises';
import { startChaosProxy } from 'meridian/testing';
import type { Result } from '../result.ts';
import { ChildParty, withChildren } from './child-party.ts';
import { Member } from './member.ts';
import { maxGapMs, meridian } from './meridian.ts';
import type { Party } from './order.ts';
import { peers } from './peers.ts';
import type { Rival } from './rival.ts';

const rounds = 1_000;
/** Rounds that run side by side. */
const batch = 250;
const cutMs = 300;

/** Each get waits for its load while the row changes and its key is forgotten; then it is read. */
export async function deletesDuringLoads(redis: string): Promise<Result[]> {
  const cases = [
    { name: 'in one process', processes: 1, memory: true, waitMs: 0 },
    { name: 'over two processes, no memory', processes: 2, memory: false, waitMs: 0 },
    {
      name: `over two processes, ${maxGapMs} ms later`,
      processes: 2,
      memory: true,
      waitMs: maxGapMs,
    },
  ];
  const results: Result[] = [];
  for (const { name, ...one } of cases) {
    results.push(
      await staleReads(`forgotten during its load, ${name}`, [meridian, ...peers], (rival) =>
        forgottenDuringLoad(rival, redis, one),
      ),
    );
  }
  return results;
}

/** Keys are forgotten by one process while the other, which has them in memory, is cut off. */
export function lostInvalidations(redis: string): Promise<Result> {
  const hearing = peers.filter(({ hearsOthers }) => hearsOthers);
  return staleReads(
    `forgotten while cut off for ${cutMs} ms, ${maxGapMs} ms later`,
    [meridian, ...hearing],
    (rival) => forgottenWhileCutOff(rival, redis),
  );
}

async function staleReads(
  name: string,
  rivals: readonly Rival[],
  count: (rival: Rival) => Promise<number>,
): Promise<Result> {
  const stale: [string, number][] = [];
  for (const rival of rivals) stale.push([rival.name, await count(rival)]);
  const [own, ...others] = stale;
  return {
    name,
    value: `${own?.[1]} stale of ${rounds}  (${others.map((one) => one.join(' ')).join(', ')})`,
    target: '0',
    met: own?.[1] === 0,
    figures: Object.fromEntries(stale),
  };
}

async function forgottenDuringLoad(
  rival: Rival,
  redis: string,
  { processes, memory, waitMs }: { processes: number; memory: boolean; waitMs: number },
): Promise<number> {
  const reader = new Member();
  return withChildren(processes - 1, async ([other]) => {
    const writer: Party = other ?? reader;
    const namespace = `bench-during-${processes}-${memory}-${rival.name}`;
    const setup = { namespace, redis, memory, loadConcurrency: batch, commandTimeoutMs: 1_000 };
    const open = { do: 'open', rival: rival.name, setup } as const;
    await reader.carryOut(open);
    if (writer !== reader) await writer.carryOut(open);
    try {
      let stale = 0;
      for (let first = 0; first < rounds; first += batch) {
        const keys = keysFrom(first, batch);
        await reader.carryOut({ do: 'begin', keys });
        await reader.carryOut({ do: 'change', keys });
        await forgetAll(writer, keys);
        await reader.carryOut({ do: 'finish' });
        await sleep(waitMs);
        stale += (await reader.carryOut({ do: 'read', keys })).stale;
      }
      return stale;
    } finally {
      await reader.carryOut({ do: 'close' });
    }
  });
}

async function forgottenWhileCutOff(rival: Rival, redis: string): Promise<number> {
  const proxy = await startChaosProxy({ target: redis });
  const reader = new Member();
  const writer = new ChildParty();
  try {
    const namespace = `bench-cut-${rival.name}`;
    const setup = { namespace, memory: true, loadConcurrency: rounds, commandTimeoutMs: 1_000 };
    const rivalName = rival.name;
    await reader.carryOut({
      do: 'open',
      rival: rivalName,
      setup: { ...setup, redis: proxy.urlFor(redis) },
    });
    await writer.carryOut({ do: 'open', rival: rivalName, setup: { ...setup, redis } });
    const keys = keysFrom(0, rounds);
    // Twice, with time between to hear the writer: what is kept of the first may be doubted.
    await reader.carryOut({ do: 'read', keys });
    await sleep(500);
    await reader.carryOut({ do: 'read', keys });
    const cut = proxy.refuse();
    proxy.reset();
    const begun = performance.now();
    await reader.carryOut({ do: 'change', keys });
    await forgetAll(writer, keys);
    await sleep(Math.max(0, cutMs - (performance.now() - begun)));
    cut.undo();
    await sleep(maxGapMs);
    return (await reader.carryOut({ do: 'read', keys })).stale;
  } finally {
    await reader.carryOut({ do: 'close' });
    await writer.kill();
    await proxy.close();
  }
}

/** The contract counts from an invalidation that everybody was told of. */
async function forgetAll(writer: Party, keys: readonly string[]): Promise<void> {
  const { pending } = await writer.carryOut({ do: 'forget', keys: [...keys] });
  if (pending > 0) throw new Error(`${pending} invalidations are pending on a healthy Redis`);
}

function keysFrom(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `key-${first + index}`);
}
