import type { Answering } from './await-primaries.ts';

/** What keeps a data layer from starting with the primaries that answer; throws when waiting is in vain. */
type Lack = (answering: Answering) => string | undefined;

/** `startup: 'strict'` needs all of so many. */
export function lackOfAny(shards: number): Lack {
  return ({ down }) => {
    for (const error of down.values()) if (!error.retryable) throw error;
    return down.size === 0
      ? undefined
      : `${down.size} of ${shards} primaries do not answer, and startup 'strict' needs all of them.`;
  };
}

/** `startup: 'lazy'` needs one of each of these keyspaces. */
export function lackOfSome(keyspaces: readonly string[]): Lack {
  return ({ up, down, recorded }) => {
    if (down.size === 0) return undefined;
    const lacking = keyspaces.filter((name) => !up.some(({ keyspace }) => keyspace === name));
    if (lacking.length > 0 || up.length === 0) {
      return (
        `No primary of ${lacking.length > 0 ? `keyspace ${lacking.join(', ')}` : 'any shard'} answers, so what its tables ` +
        "look like is not known: startup 'lazy' needs one of each keyspace that has tables."
      );
    }
    return recorded
      ? undefined
      : 'No database that answers says yet which system it belongs to, and another one may: the first start needs every shard.';
  };
}
