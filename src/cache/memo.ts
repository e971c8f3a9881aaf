/**
 * Remembers what `make` gave for the values asked for of late; `make` must give the same again.
 *
 * Two generations instead of a list by last use: a hit is one read of a Map, at the price of
 * remembering between half of `maxEntries` and all of them. O(1).
 */
export function memoize<V extends object>(
  maxEntries: number,
  make: (value: unknown) => V,
): (value: unknown) => V {
  let young = new Map<unknown, V>();
  let old = new Map<unknown, V>();
  return (value) => {
    const found = young.get(value);
    if (found !== undefined) return found;
    const kept = old.get(value) ?? make(value);
    if (young.size >= maxEntries / 2) {
      old = young;
      young = new Map();
    }
    young.set(value, kept);
    return kept;
  };
}
