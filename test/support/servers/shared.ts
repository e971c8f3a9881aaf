import { inject } from 'vitest';
import { z } from 'zod';
import type { SharedServers } from './standard.ts';

const address = z.object({ url: z.string(), adminUrl: z.string() });
const shard = z.object({ primary: address, replicas: z.array(address) });
const servers = z.object({
  shards: z.object({ 'eu-1': shard, 'us-1': shard, 'tx-1': shard, 'tx-2': shard }),
  redis: z.object({ url: z.string() }),
}) satisfies z.ZodType<SharedServers>;

/** Takes the servers of this worker, with empty databases. No other file uses them meanwhile. */
export async function takeServers(): Promise<SharedServers> {
  return servers.parse(await ask('take'));
}

/** @throws Error when the file leaves connections open or the servers' settings changed. */
export async function giveServersBack(): Promise<void> {
  const differences = z.array(z.string()).parse(await ask('give-back'));
  if (differences.length === 0) return;
  throw new Error(
    `The file does not leave the servers as it found them:\n${differences.join('\n')}`,
  );
}

async function ask(verb: string): Promise<unknown> {
  const response = await fetch(`${inject('seats')}/${verb}/${process.env.VITEST_POOL_ID}`);
  if (!response.ok) throw new Error(`Servers for this file: ${await response.text()}`);
  return response.json();
}
