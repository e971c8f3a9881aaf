// Symbol.for, so that an ESM and a CommonJS copy of the package recognise each other's tables.
const brand = Symbol.for('meridian.table');

/** What `defineTable` gives: nobody changes it, and a plain object is not mistaken for it. */
export function branded<T extends object>(table: T): T {
  return Object.freeze(Object.assign(table, { [brand]: true }));
}

export function isBranded(value: unknown): value is object {
  return typeof value === 'object' && value !== null && brand in value;
}
