/**
 * Freezes a value through and through, so that callers who share it can't change each other's.
 * Returns whether it holds something that can't be frozen: then each hit gets a copy.
 */
export function freezeDeep(
  value: unknown,
  seen = new Set<unknown>(),
): { readonly needsCopy: boolean } {
  if (typeof value !== 'object' || value === null || seen.has(value)) return { needsCopy: false };
  if (isUnfreezable(value)) return { needsCopy: true };
  seen.add(value);
  Object.freeze(value);
  let needsCopy = false;
  for (const item of Object.values(value)) {
    needsCopy = freezeDeep(item, seen).needsCopy || needsCopy;
  }
  return { needsCopy };
}

/** A copy in which everything that can't be frozen is the caller's own; the rest is shared. */
export function copyUnfreezable<T>(value: T): T;
export function copyUnfreezable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return new Date(value);
  if (value instanceof Uint8Array)
    return Buffer.isBuffer(value) ? Buffer.from(value) : value.slice();
  if (value instanceof Map) return new Map([...value].map(copyUnfreezable));
  if (value instanceof Set) return new Set([...value].map(copyUnfreezable));
  if (Array.isArray(value)) return Object.freeze(value.map(copyUnfreezable));
  const copy = Object.entries(value).map(([key, item]) => [key, copyUnfreezable(item)]);
  return Object.freeze(Object.fromEntries(copy));
}

function isUnfreezable(value: object): boolean {
  return (
    value instanceof Date ||
    ArrayBuffer.isView(value) ||
    value instanceof Map ||
    value instanceof Set
  );
}
