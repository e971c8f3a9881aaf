/**
 * A handle as what knows no table's types implements it: each of its members, for rows of any schema. Its
 * methods are compared as methods are, so that keys of all tables will do for those of one.
 */
export type Untyped<Handle> = {
  readonly [Name in keyof Handle]: Handle[Name] extends (...args: infer Args) => infer Result
    ? { method(...args: Args): Result }['method']
    : Handle[Name];
};
