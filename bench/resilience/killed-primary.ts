import { setTimeout as pass } from 'node:timers/promises';
import { isMeridianError } from 'meridian';
import type { MysqlServer } from 'meridian/testing';
import type { Result } from '../result.ts';
import { openLedger } from './ledger.ts';

const kills = 20;
const clients = 8;

/** A primary is killed and restarted again and again under a load of inserts. */
export async function killedPrimary(server: MysqlServer): Promise<Result> {
  const ledger = await openLedger(server.url, server.adminUrl);
  const acknowledged: string[] = [];
  let isOver = false;
  const client = async (name: number) => {
    for (let number = 0; !isOver; number++) {
      const label = `${name}-${number}`;
      const row = { owner: `owner-${name}`, label };
      // A caller who has a key may ask until he is told.
      for (let isTold = false; !isTold && !isOver; ) {
        try {
          await ledger.data.entries.insert(row, { idempotencyKey: label, timeoutMs: 2_000 });
          acknowledged.push(label);
          isTold = true;
        } catch (error) {
          if (!isMeridianError(error)) throw error;
          await pass(10);
        }
      }
    }
  };
  const running = Array.from({ length: clients }, (_, name) => client(name));
  for (let kill = 0; kill < kills; kill++) {
    await pass(300 + Math.random() * 400);
    await server.kill();
    await server.restart();
  }
  await pass(500);
  isOver = true;
  await Promise.all(running);
  const counts = await ledger.counts();
  await ledger.data.close();
  const lost = acknowledged.filter((label) => !counts.has(label)).length;
  const doubled = [...counts.values()].filter((count) => count > 1).length;
  return {
    name: `Primary killed ${kills} times: acknowledged rows lost / doubled`,
    value: `${lost} / ${doubled} of ${acknowledged.length}`,
    target: '0 / 0',
    met: lost + doubled === 0 && acknowledged.length > 0,
    figures: { lost, doubled, acknowledged: acknowledged.length },
  };
}
