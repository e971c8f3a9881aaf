/**
 * What a shard has on record of the keys of a lookup: the ids of those under which every value of its
 * rows is entered. The first is the one under which the last service to start asks.
 */
export type KeysVerdict =
  | { readonly recorded: string; readonly refusal?: undefined }
  | { readonly refusal: string };

/** The fact that holds the keys of one lookup. */
export function keysFactOf(table: string, column: string): string {
  return `table/${table}/keys/${column}`;
}

/**
 * What is on record once a service with these keys runs. Two services may run at once when each enters
 * values under the key that the other asks with, so keys change in the order that the guide tells:
 * `old`, `old new`, a backfill, `new old`, `new`.
 */
export function judgeKeys(recorded: string | undefined, declared: string): KeysVerdict {
  const keys = declared.split(' ');
  const [asked = ''] = keys;
  // The values that are there were entered by a service whose keys nobody recorded, or by none.
  if (recorded === undefined) return { recorded: asked };
  const complete = recorded.split(' ');
  const [askedByOthers = ''] = complete;
  if (!keys.includes(askedByOthers)) {
    return {
      refusal:
        `lacks the key '${askedByOthers}' with which other services look values up: ` +
        'they would not find what is written here, and values would not be unique. Add it to the list.',
    };
  }
  if (!complete.includes(asked)) {
    return {
      refusal:
        `begins with '${asked}', under which not all values are entered: they would not be found. ` +
        `Begin with '${askedByOthers}', put '${asked}' after it in all services, run a backfill, and only then put it first.`,
    };
  }
  // A service that leaves a key out enters nothing under it from now on.
  const others = complete.filter((key) => key !== asked && keys.includes(key));
  return { recorded: [asked, ...others].join(' ') };
}

/** What is on record once every value was entered under these keys; undefined when that says no more. */
export function afterBackfill(recorded: string, declared: readonly string[]): string | undefined {
  const complete = recorded.split(' ');
  const [asked = ''] = complete;
  // Services with other keys write beside the one that ran the backfill: it proves nothing.
  if (!declared.includes(asked)) return undefined;
  const value = [asked, ...declared.filter((key) => key !== asked)].join(' ');
  return value === recorded ? undefined : value;
}
