import { randomBytes } from 'node:crypto';
import { eraScript } from './lease-scripts.ts';
import type { RedisLink } from './links/redis-link.ts';
import type { RedisLinks } from './links/redis-links.ts';
import { allMarkKey, eraKey, homeEraKey } from './redis-keys.ts';
import { runScript } from './run-script.ts';

/** Of so many keys a cluster keeps at least one on each of its servers, but for a server of few slots. */
const mostTried = 4_096;

interface Era {
  readonly key: string;
  readonly name: string;
  readonly sinceMs: number;
}

/**
 * Since when servers have held all that they were told. Who empties a server empties it of the name of
 * its data too: under another name marks of changes may be missing that were left before.
 */
export class DataEras {
  readonly #links: RedisLinks;
  readonly #known = new WeakMap<RedisLink, Map<string, Era>>();

  constructor(links: RedisLinks) {
    this.#links = links;
  }

  /**
   * Milliseconds for which no mark of a change can have been lost, of a key or of all of its namespace.
   * 0 when any value may have been changed of late, and when a server can't tell.
   */
  async unlostForMs(namespace: string, key: string): Promise<number> {
    const mark = allMarkKey(namespace);
    const [link, home] = [this.#links.linkOf(key), this.#links.linkOf(mark)];
    if (link === undefined || home === undefined) return 0;
    const asking = [this.#ageOf(namespace, home, homeEraKey(namespace), mark)];
    if (link !== home) asking.push(this.#ageOf(namespace, link, this.#keyOn(namespace, link)));
    return Math.min(...(await Promise.all(asking)));
  }

  async #ageOf(
    namespace: string,
    link: RedisLink,
    key: string | undefined,
    mark?: string,
  ): Promise<number> {
    if (key === undefined) return 0;
    const keys = mark === undefined ? [key] : [key, mark];
    const args = [randomBytes(9).toString('base64url')];
    const name = await runScript(this.#links, key, 'get', eraScript, keys, args);
    // Slots may have been moved meanwhile: another server answered then.
    if (typeof name !== 'string' || this.#links.linkOf(key) !== link) return 0;
    const nowMs = performance.now();
    const known = this.#known.get(link) ?? new Map<string, Era>();
    this.#known.set(link, known);
    const before = known.get(namespace);
    const isSame = before?.key === key && before.name === name;
    const era = isSame ? before : { key, name, sinceMs: nowMs };
    known.set(namespace, era);
    return Math.min(nowMs - era.sinceMs, link.usedForMs);
  }

  /** A key that lies on a server. */
  #keyOn(namespace: string, link: RedisLink): string | undefined {
    const before = this.#known.get(link)?.get(namespace)?.key;
    if (before !== undefined && this.#links.linkOf(before) === link) return before;
    for (let number = 0; number < mostTried; number++) {
      const key = eraKey(namespace, number);
      if (this.#links.linkOf(key) === link) return key;
    }
    return undefined;
  }
}
