import { isDate, isMap, isSet } from 'node:util/types';
import { ownBytes } from '../../values/own-bytes.ts';
import { isNumbers, kindOf, nameOfKind } from '../../values/value-kind.ts';
import { deepest, freezeDeep, type NeedsCopy } from './frozen.ts';

/** A copy that nobody else holds, or what it is in the value that can't be copied as it is. */
type OwnCopy<V> = { readonly copy: V } | { readonly unfit: string };

/**
 * Copies a value through and through, before it is frozen and shared: what a loader gave may refer to
 * objects of the application. Functions stay the application's own, and are not frozen. Never throws.
 * O(size of the value).
 */
function ownCopy<V>(value: V): OwnCopy<V>;
function ownCopy(value: unknown): OwnCopy<unknown> {
  try {
    return { copy: copyOf(value, new Map(), 0) };
  } catch (error) {
    // Getters and proxies of the application may throw whatever they like, rows too.
    return { unfit: error instanceof UnfitValue ? error.message : 'what can not be read' };
  }
}

/** A value as it may be handed out: frozen and the cache's own, or as it was given. */
export interface Held<V> {
  readonly value: V;
  readonly isOwn: boolean;
  readonly needsCopy: NeedsCopy;
  /** What it is in the value that keeps it out of the cache. */
  readonly unfit?: string;
}

/** A frozen copy of a value, or the value itself where there can be none. */
export function heldCopy<V>(value: V): Held<V> {
  const own = ownCopy(value);
  return 'copy' in own
    ? { value: own.copy, isOwn: true, ...freezeDeep(own.copy) }
    : { value, isOwn: false, needsCopy: false, unfit: own.unfit };
}

class UnfitValue extends Error {}

function copyOf(value: unknown, copies: Map<object, object>, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = copies.get(value);
  if (known !== undefined) return known;
  if (depth > deepest) throw new UnfitValue(`more than ${deepest} objects in each other`);
  const kind = kindOf(value);
  if (kind === undefined) throw new UnfitValue(nameOfKind(value));
  const copy = emptyOf(value, kind === 'bare');
  copies.set(value, copy);
  const inner = (item: unknown) => copyOf(item, copies, depth + 1);
  if (isMap(value) && isMap(copy))
    for (const [key, item] of value) copy.set(inner(key), inner(item));
  else if (isSet(value) && isSet(copy)) for (const item of value) copy.add(inner(item));
  else if (Array.isArray(value) && Array.isArray(copy)) copy.push(...value.map(inner));
  else if (kind === 'plain' || kind === 'bare') copyFields(value, copy, inner);
  return copy;
}

/** A copy that still lacks what it refers to: that may refer back to it. */
function emptyOf(value: object, isBare: boolean): object {
  if (ArrayBuffer.isView(value)) {
    if (Buffer.isBuffer(value)) return ownBytes(value);
    if (isNumbers(value)) return value.slice();
  }
  if (Array.isArray(value)) return [];
  if (!isDate(value) && !isMap(value) && !isSet(value)) return isBare ? Object.create(null) : {};
  if (Reflect.ownKeys(value).length > 0) throw new UnfitValue('a Date, Map or Set with names');
  if (isDate(value)) return new Date(value);
  return isMap(value) ? new Map() : new Set();
}

function copyFields(value: object, copy: object, inner: (item: unknown) => unknown): void {
  for (const key of Reflect.ownKeys(value)) {
    const field = Object.getOwnPropertyDescriptor(value, key);
    if (typeof key === 'symbol') throw new UnfitValue('a name that is a symbol');
    if (field === undefined || !('value' in field)) throw new UnfitValue('a getter');
    if (field.enumerable !== true) throw new UnfitValue('a hidden name');
    const item = inner(field.value);
    // Assigning that one name would set the prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: item, enumerable: true });
    else Reflect.set(copy, key, item);
  }
}
