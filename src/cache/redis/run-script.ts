import type { RedisScript } from './lease-scripts.ts';
import type { RedisNode } from './links/redis-client.ts';
import type { RedisLinks } from './links/redis-links.ts';

/**
 * Runs a script on the server that holds `home`; one that has forgotten the script is sent it. Undefined
 * when Redis can't answer.
 */
export async function runScript(
  links: RedisLinks,
  home: string,
  operation: string,
  { sha, text }: RedisScript,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  return links.linkOf(home)?.run(operation, async (client: RedisNode) => {
    try {
      return await client.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await client.eval(text, keys.length, ...keys, ...args);
    }
  });
}
