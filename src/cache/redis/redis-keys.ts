/** What would end the hash tag early, and half characters, which two different keys would share. */
const unfit = /[{}%\ud800-\udfff]/;
const escaped = /[{}%]|\p{Surrogate}/gu;
const leaseEnd = ':lease';
const markEnd = ':changed';
const inHex = /%([0-9a-f]{4})/g;

/**
 * The Redis key of an entry. The whole key is one hash tag, so that a cluster keeps its lease on the
 * same node and a script may touch both.
 */
export function valueKey(namespace: string, key: string): string {
  return `${namespace}:{${escapeKey(key)}}`;
}

/** The key of the lease of an entry, by the entry's own. */
export function leaseKey(valueKey: string): string {
  return `${valueKey}${leaseEnd}`;
}

/** The key of the mark that an entry was changed of late, by the entry's own. */
export function markKey(valueKey: string): string {
  return `${valueKey}${markEnd}`;
}

/** A key that says that any entry of a namespace may have been changed of late. No entry is called so. */
export function allMarkKey(namespace: string): string {
  return `${namespace}${markEnd}`;
}

/** The key of the name of a server's data, on the server that holds the mark of all. */
export function homeEraKey(namespace: string): string {
  return `{${allMarkKey(namespace)}}:era`;
}

/** The same on others: of these keys a cluster keeps some on each of its servers. */
export function eraKey(namespace: string, number: number): string {
  return `${namespace}:era:{${number}}`;
}

/** A key as text that Redis gives back as it was. */
export function escapeKey(key: string): string {
  // An empty hash tag would count for none.
  if (key === '') return '%';
  return unfit.test(key)
    ? key.replace(escaped, (sign) => `%${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : key;
}

/** The key that {@link escapeKey} made text of. */
export function unescapeKey(text: string): string {
  if (text === '%') return '';
  return text.replace(inHex, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** Which keys of a server are those of a namespace's entries, their leases and marks, as SCAN is told. */
export function patternOf(namespace: string): string {
  return `${namespace.replace(/[*?[\]\\]/g, '\\$&')}:{*`;
}

/** The key of the entry that a key of that pattern makes one forget; undefined of a mark, which stays. */
export function forgettableKeyOf(redisKey: string): string | undefined {
  if (redisKey.endsWith(markEnd)) return undefined;
  return redisKey.endsWith(leaseEnd) ? redisKey.slice(0, -leaseEnd.length) : redisKey;
}
