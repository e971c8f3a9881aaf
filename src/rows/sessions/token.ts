import { RoutingError } from '../../errors/routing-error.ts';
import { isGtidSet } from './gtid-set.ts';

/**
 * Consistency tokens as text: `v1~eu-1=0-1-5~tx-2`, in characters that headers, cookies and URLs take
 * as they are. After each shard's name the GTIDs that a read there must have seen, with `!` for the
 * comma between them; a shard without them was written, but nobody knows how far. `v1~*`: any shard
 * may have been. Opaque to its users.
 */
const version = 'v1';
const anyShard = '*';
const between = '~';

/** Characters of a token at most: half of what the smallest common limit on headers leaves. */
const maxLength = 4_096;

const shardName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;

/** What was written, by shard: GTIDs, or undefined where they are not known. `anywhere`: any shard may have been. */
export type Written = ReadonlyMap<string, string | undefined> | 'anywhere';

/** A token that says what was written; undefined when nothing was. Says less where it grows too long. */
export function formatToken(written: Written): string | undefined {
  if (written === 'anywhere') return `${version}${between}${anyShard}`;
  if (written.size === 0) return undefined;
  const exact = join([...written].map(([shard, gtid]) => entry(shard, gtid)));
  if (exact.length <= maxLength) return exact;
  const names = join([...written.keys()]);
  return names.length <= maxLength ? names : formatToken('anywhere');
}

/**
 * What a token says was written.
 *
 * @throws {RoutingError} when it is none, or longer than any that Meridian makes.
 */
export function parseToken(token: unknown): Written {
  if (typeof token !== 'string') throw noToken('it is no text');
  if (token.length > maxLength) throw noToken(`it has over ${maxLength} characters`);
  const [format = '', ...entries] = token.split(between);
  if (/^v\d+$/.test(format) && format !== version) {
    throw noToken(`it has format '${format}', and this version of Meridian reads '${version}'`);
  }
  if (format !== version || entries.length === 0) throw noToken('it has another form');
  if (entries.length === 1 && entries[0] === anyShard) return 'anywhere';
  const written = new Map<string, string | undefined>();
  for (const [shard = '', gtids, ...rest] of entries.map((text) => text.split('='))) {
    const gtid = gtids?.replaceAll('!', ',');
    const isWell = shardName.test(shard) && !written.has(shard) && rest.length === 0;
    if (!isWell || (gtid !== undefined && !isGtidSet(gtid))) throw noToken('it has another form');
    written.set(shard, gtid);
  }
  return written;
}

function entry(shard: string, gtid: string | undefined): string {
  return gtid === undefined ? shard : `${shard}=${gtid.replaceAll(',', '!')}`;
}

function join(entries: readonly string[]): string {
  return [version, ...entries].join(between);
}

/** Tells nothing of the text: whoever sent it may have sent anything. */
function noToken(why: string): RoutingError {
  return new RoutingError(
    `This is no consistency token: ${why}. Give the token of a write or of a session as it was handed out.`,
  );
}
