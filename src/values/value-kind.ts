import { isDate, isMap, isSet } from 'node:util/types';

/** The kinds of objects that every tier of the cache gives back as they were. */
export type ObjectKind = 'plain' | 'bare' | 'array' | 'date' | 'bytes' | 'numbers' | 'map' | 'set';

/** The typed arrays that a text can hold, by the name that they go by. `Buffer` has a mark of its own. */
export const typedArrays = {
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
  Int8Array,
  Int16Array,
  Int32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
};

/** One of {@link typedArrays}. */
export type Numbers = InstanceType<(typeof typedArrays)[keyof typeof typedArrays]>;

/**
 * What kind of object a value is; undefined for all that would come back as something else: instances of
 * classes, of subclasses too, and arrays with holes or names.
 *
 * By the length of the chain of prototypes rather than by the prototypes themselves, which another realm,
 * a test runner's say, has a set of its own of.
 */
export function kindOf(value: object): ObjectKind | undefined {
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return 'plain';
  if (prototype === null) return 'bare';
  if (Array.isArray(value)) return Array.isArray(prototype) && isDense(value) ? 'array' : undefined;
  const links = linksOf(value);
  if (ArrayBuffer.isView(value)) return kindOfView(value, links);
  if (links > 2) return undefined;
  if (links === 1) return Symbol.iterator in value || isTagged(value) ? undefined : 'plain';
  if (isDate(value)) return 'date';
  if (isMap(value)) return 'map';
  return isSet(value) ? 'set' : undefined;
}

/** What to call a value that has no kind. Names of classes and no more: what it holds is data. */
export function nameOfKind(value: object): string {
  if (Array.isArray(value)) return 'an array with holes, names or a class of its own';
  const maker: unknown = Object.getPrototypeOf(value)?.constructor;
  return typeof maker === 'function'
    ? `an instance of ${maker.name}`
    : 'an object of no known kind';
}

/** Whether a view is one of {@link typedArrays}. */
export function isNumbers(view: ArrayBufferView): view is Numbers {
  return nameOfNumbers(view) !== undefined;
}

/** The name of a typed array among {@link typedArrays}. */
export function nameOfNumbers(view: ArrayBufferView): keyof typeof typedArrays | undefined {
  const name: unknown = Reflect.get(view, Symbol.toStringTag);
  return typeof name === 'string' && isNameOfNumbers(name) ? name : undefined;
}

export function isNameOfNumbers(name: string): name is keyof typeof typedArrays {
  return Object.hasOwn(typedArrays, name);
}

function kindOfView(view: ArrayBufferView, links: number): ObjectKind | undefined {
  if (Buffer.isBuffer(view)) return links === 4 ? 'bytes' : undefined;
  return links === 3 && isNumbers(view) ? 'numbers' : undefined;
}

function linksOf(value: object): number {
  let links = 0;
  for (let at: unknown = value; typeof at === 'object' && at !== null && links < 5; links++) {
    at = Object.getPrototypeOf(at);
  }
  return links - 1;
}

function isTagged(value: object): boolean {
  return Symbol.toStringTag in value;
}

function isDense(value: readonly unknown[]): boolean {
  if (Object.keys(value).length !== value.length) return false;
  for (let at = 0; at < value.length; at++) if (!(at in value)) return false;
  return true;
}
