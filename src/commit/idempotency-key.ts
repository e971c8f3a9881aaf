import { createHash } from 'node:crypto';
import { ConfigError } from '../errors/config-error.ts';
import { readUuid, uuidFromBytes } from '../sharding/ids/uuid.ts';
import { canonicalKey, type ShardKey } from '../sharding/shard-key.ts';
import { packValue } from '../values/pack-value.ts';
import type { KeyedOperation } from './idempotency-table.ts';

const longestKey = 255;
const hashBytes = 16;

/** Whose operations a key tells apart: an owner's (who may move to another shard), or the new rows of a table that have none yet. */
export type KeyScope =
  | { readonly keyspace: string; readonly owner: ShardKey; readonly moves: boolean }
  | { readonly keyspace: string; readonly newOf: string };

/**
 * What is written for an operation under a key of the caller's. Keys and payloads are hashed: they may
 * be personal, and the database needs only to tell whether they are the same.
 *
 * @param what says all that the operation does, but for where.
 */
export function keyedOperation(
  scope: KeyScope,
  idempotencyKey: string,
  what: readonly unknown[],
  locator: number,
): KeyedOperation {
  const owner = 'owner' in scope ? canonicalOwner(scope) : undefined;
  const owned = owner === undefined ? [] : [owner];
  return {
    token: hash([scope.keyspace, 'newOf' in scope ? scope.newOf : owned, idempotencyKey]),
    owner: 'owner' in scope && scope.moves ? ownerBytes(owner) : null,
    locator,
    operation: hash(what),
  };
}

/** Owners that move are ids, which are one key as text and as bytes. */
function canonicalOwner({ owner, moves }: Extract<KeyScope, { owner: ShardKey }>) {
  const isId = moves && owner instanceof Uint8Array && owner.length === 16;
  return isId ? uuidFromBytes(owner) : canonicalKey(owner);
}

function ownerBytes(owner: string | Uint8Array | undefined): Uint8Array | null {
  return (typeof owner === 'string' ? readUuid(owner) : owner) ?? null;
}

/** A number from 0 up to 1 that a key stands for: a new row goes to the same slot each time. */
export function chanceOf(idempotencyKey: string): number {
  return hash([idempotencyKey]).readUInt32BE() / 2 ** 32;
}

/** @throws {ConfigError} when it is no key. */
export function checkIdempotencyKey(key: unknown): void {
  if (typeof key === 'string' && key.length > 0 && key.length <= longestKey) return;
  throw new ConfigError('Bad call options', [
    { path: 'idempotencyKey', message: `must be text of 1 to ${longestKey} characters` },
  ]);
}

/** Equal values have equal hashes, in whatever order their fields were set. */
function hash(value: unknown): Buffer {
  const text = JSON.stringify(packed(value), (_, item: unknown) =>
    isPlain(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
  return createHash('sha256').update(text).digest().subarray(0, hashBytes);
}

function packed(value: unknown): unknown {
  try {
    return packValue(value);
  } catch (cause) {
    throw new ConfigError(
      'Bad call options',
      [{ path: 'payload', message: 'holds a function, a symbol or a circle' }],
      { cause },
    );
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
