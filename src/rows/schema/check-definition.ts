import { didYouMean, shownName } from '../../config/did-you-mean.ts';
import { ConfigError, type Problem } from '../../errors/config-error.ts';
import { isBranded } from './table-brand.ts';

/** What a part of a definition must be; undefined when it is. */
type Check = (value: unknown) => string | undefined;

const name: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : "must be a name in quotes: 'users'";

const column: Check = (value) => {
  if (typeof value === 'string' && value !== '') return undefined;
  return Array.isArray(value)
    ? 'must be one column, not several: give rows one that names them, and the others a UNIQUE index'
    : "must be the name of a column: 'id'";
};

const object =
  (example: string): Check =>
  (value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? undefined
      : `must be an object: ${example}`;

const owners: Check = (value) =>
  isBranded(value) && !('reference' in value)
    ? undefined
    : "must be the table of the owners itself, as defineTable gives it: group: users, not group: 'users'";

/** Parts of every definition. What a schema, a cache or a lookup must hold is checked with its columns. */
const parts: Readonly<Record<string, Check>> = {
  name,
  schema: object('z.object({ … })'),
  primaryKey: column,
  columns: object("{ id: 'uuid-binary' }"),
  cache: object('{ ttlMs: 60_000 }'),
};

const placed: Readonly<Record<string, Check>> = {
  ...parts,
  keyspace: name,
  shardKey: column,
  place: (value) =>
    typeof value === 'function'
      ? undefined
      : 'must be a function of the row: place: (user) => ({ country: user.country })',
  lookups: object('{ phone: { unique: true } }'),
};

const member: Readonly<Record<string, Check>> = {
  ...parts,
  group: owners,
  ownerKey: column,
  lookups: object('{ phone: { unique: true } }'),
};

const reference: Readonly<Record<string, Check>> = {
  ...parts,
  reference: (value) => (value === true ? undefined : 'must be true, or left out'),
};

/** What is wrong with what was handed to `defineTable`, before anything is made of it. */
export function checkDefinition(definition: unknown): void {
  const problems: Problem[] = [];
  const wrong = object('{ name, keyspace, primaryKey, schema }')(definition);
  if (wrong !== undefined) problems.push({ path: '', message: wrong });
  else checkParts(new Map(Object.entries(Object(definition))), problems);
  if (problems.length > 0) throw new ConfigError(subjectOf(definition), problems);
}

/** What is wrong with a defined table that was changed since. */
export function checkTableParts(
  table: object,
  report: (path: string, message: string) => void,
): void {
  const known = { ...placed, ...member, ...reference };
  const given = Object.entries(table).filter(([, value]) => value !== undefined);
  for (const [path, message] of wrongParts(given, known)) report(path, message);
}

function checkParts(definition: ReadonlyMap<string, unknown>, problems: Problem[]): void {
  const given = [...definition].filter(([, value]) => value !== undefined);
  const has = (part: string) => given.some(([key]) => key === part);
  const [known, needed] = has('reference')
    ? [reference, ['name', 'schema', 'primaryKey']]
    : has('group') || has('ownerKey')
      ? [member, ['name', 'schema', 'primaryKey', 'group', 'ownerKey']]
      : [placed, ['name', 'schema', 'primaryKey', 'keyspace']];
  for (const [path, message] of wrongParts(given, known)) problems.push({ path, message });
  for (const path of needed) {
    if (has(path)) continue;
    const message =
      path === 'keyspace'
        ? 'is missing: name the keyspace that its rows live in, or the table of their owners as group'
        : 'is missing';
    problems.push({ path, message });
  }
}

function wrongParts(
  given: readonly (readonly [part: string, value: unknown])[],
  known: Readonly<Record<string, Check>>,
): (readonly [path: string, message: string])[] {
  return given.flatMap(([part, value]) => {
    const check = Object.hasOwn(known, part) ? known[part] : undefined;
    const message = check === undefined ? unknownPart(part, Object.keys(known)) : check(value);
    return message === undefined ? [] : [[part, message] as const];
  });
}

function unknownPart(part: string, known: readonly string[]): string {
  return `is no part of such a definition${didYouMean(part, known) || `; known: ${known.join(', ')}`}`;
}

function subjectOf(definition: unknown): string {
  const given: unknown =
    typeof definition === 'object' && definition !== null
      ? Reflect.get(definition, 'name')
      : undefined;
  return typeof given === 'string'
    ? `Table '${shownName(given)}' can not be defined`
    : 'A table can not be defined';
}
