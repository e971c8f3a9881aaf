import { LRUCache } from 'lru-cache';

/** Remembers what `make` gave for the keys used last. `make` must give the same again. */
export function memoize<K extends string | number | bigint, V extends object>(
  maxEntries: number,
  make: (key: K) => V,
): (key: K) => V {
  const known = new LRUCache<K, V>({ max: maxEntries });
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make(key);
    known.set(key, made);
    return made;
  };
}
