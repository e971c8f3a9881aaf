import { Redis } from 'ioredis';

/** Every key of a Redis with its text. */
export async function redisContents(url: string): Promise<string[]> {
  const redis = new Redis(url);
  try {
    const keys = await redis.keys('*');
    return await Promise.all(keys.map(async (key) => `${key} = ${await redis.get(key)}`));
  } finally {
    redis.disconnect();
  }
}
