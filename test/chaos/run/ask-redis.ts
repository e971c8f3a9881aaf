import { Redis } from 'ioredis';
import type { LocalServer } from 'meridian/testing';

/** Asks one server something over a connection of its own. */
export async function ask<T>(
  { host, port }: LocalServer,
  question: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis({ host, port, lazyConnect: true });
  try {
    await client.connect();
    return await question(client);
  } finally {
    client.disconnect();
  }
}
