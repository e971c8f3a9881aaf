/**
 * The Redis keys of one cache entry. Value and lease share a hash tag, so that a cluster keeps
 * them on one node and a script may touch both; braces of the key itself would end the tag early.
 */
export function redisKeys(namespace: string, key: string): { value: string; lease: string } {
  const tag = `${namespace}:{${key.replace(/[{}%]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)}}`;
  return { value: tag, lease: `${tag}:lease` };
}
