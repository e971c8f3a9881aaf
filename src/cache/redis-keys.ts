/** What would end the hash tag early, and half characters, which two different keys would share. */
const unfit = /[{}%\ud800-\udfff]/;
const escaped = /[{}%]|\p{Surrogate}/gu;

/**
 * The Redis key of an entry. The whole key is one hash tag, so that a cluster keeps its lease on the
 * same node and a script may touch both.
 */
export function valueKey(namespace: string, key: string): string {
  return `${namespace}:{${unfit.test(key) ? key.replace(escaped, inHex) : key}}`;
}

/** The key of the lease of an entry, by the entry's own. */
export function leaseKey(valueKey: string): string {
  return `${valueKey}:lease`;
}

function inHex(sign: string): string {
  return `%${sign.charCodeAt(0).toString(16)}`;
}
