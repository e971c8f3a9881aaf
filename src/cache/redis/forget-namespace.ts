import { channelName } from './invalidation-channel.ts';
import { invalidateScript, markAllScript } from './lease-scripts.ts';
import type { RedisLink } from './links/redis-link.ts';
import type { RedisLinks } from './links/redis-links.ts';
import { allMarkKey, forgettableKeyOf, leaseKey, patternOf } from './redis-keys.ts';
import { runScript } from './run-script.ts';

/** Keys that a server looks at in one step, and that are forgotten at once. */
const keysPerStep = 500;

/**
 * Forgets every entry of a namespace and every lease, on all servers, and what processes hold of them in
 * memory. False when Redis did not confirm it all.
 *
 * Twice, since a walk over the keys finds what was there from its start to its end: a lease from before
 * may become a value while the first walk goes on, and neither of them is sure to be found by it. It is
 * by the second. What is loaded under a lease of later was changed before.
 *
 * @param markMs milliseconds for which copies that lag are not believed, or 0.
 */
export async function forgetNamespace(
  links: RedisLinks,
  namespace: string,
  markMs: number,
): Promise<boolean> {
  const mark = allMarkKey(namespace);
  if (markMs > 0) {
    const args = [String(markMs)];
    const marked = await runScript(links, mark, 'invalidate', markAllScript, [mark], args);
    if (marked === undefined) return false;
  }
  const servers = links.all();
  for (let walk = 0; walk < 2; walk++) {
    for (const link of servers) if (!(await forgetOn(link, links, namespace))) return false;
  }
  // At the end: who hears it earlier might keep what it finds after that.
  for (const link of servers) if (!(await tell(link, namespace))) return false;
  return servers.length > 0;
}

async function forgetOn(link: RedisLink, links: RedisLinks, namespace: string): Promise<boolean> {
  const pattern = patternOf(namespace);
  let cursor = '0';
  do {
    const at = cursor;
    const page = await link.run('invalidate', (client) =>
      client.scan(at, 'MATCH', pattern, 'COUNT', keysPerStep),
    );
    if (page === undefined) return false;
    const keys = [...new Set(page[1].flatMap((found) => forgettableKeyOf(found) ?? []))];
    for (let from = 0; from < keys.length; from += keysPerStep) {
      const told = await Promise.all(
        keys
          .slice(from, from + keysPerStep)
          .map((key) =>
            runScript(
              links,
              key,
              'invalidate',
              invalidateScript,
              [key, leaseKey(key)],
              ['', '', '0'],
            ),
          ),
      );
      if (told.includes(undefined)) return false;
    }
    cursor = page[0];
  } while (cursor !== '0');
  return true;
}

async function tell(link: RedisLink, namespace: string): Promise<boolean> {
  const { server } = link;
  if (server === undefined) return false;
  const told = await link.run('invalidate', (client) =>
    client.publish(channelName(namespace, server), link.channel.messageOfAll),
  );
  return told !== undefined;
}
