import type { Routine, SchemaObjects } from '../../mysql/schema/schema-objects.ts';
import { type SqlToken, tokensOf } from '../../mysql/sql/sql-tokens.ts';
import { calledAt, isWord } from './statement-facts.ts';

type Tokens = readonly SqlToken[];

/** One function as some shard has it, or one view: what it does by itself, and what it runs beside. */
interface Body {
  readonly name: string;
  /** Undefined where the user may not see it. */
  readonly tokens: Tokens | undefined;
  /** Undefined for a view. */
  readonly routine: Routine | undefined;
  /** The functions that it calls, and the views that it reads, in lower case. */
  readonly runs: readonly string[];
}

/**
 * What the views and functions of some shards do to statements that name them, as far as their definitions
 * can be seen. Of two shards that have one name for different things, both count.
 */
export class HiddenEffects {
  readonly #bodies = new Map<string, Body[]>();
  readonly #views = new Map<string, Set<string | undefined>>();
  /** Views and functions that change something when they are read or called, in lower case. */
  readonly writers: ReadonlySet<string>;
  /** Functions whose result depends on rows of the shard, or may: on more than what they are given. */
  readonly lookers: ReadonlySet<string>;

  constructor(shards: readonly SchemaObjects[]) {
    for (const { views, routines } of shards) {
      for (const [name, definition] of views)
        at(this.#views, name, () => new Set()).add(definition);
      for (const name of routines.keys()) at(this.#bodies, name, () => []);
    }
    for (const name of this.#views.keys()) at(this.#bodies, name, () => []);
    for (const { routines } of shards) {
      for (const [name, named] of routines) {
        for (const routine of named) if (routine.isFunction) this.#add(name, routine.body, routine);
      }
    }
    for (const [name, definitions] of this.#views) {
      for (const definition of definitions) this.#add(name, definition, undefined);
    }
    const all = [...this.#bodies.values()].flat();
    this.writers = withCallers(all, all.filter(writes));
    const functions = all.filter(({ routine }) => routine !== undefined);
    this.lookers = withCallers(functions, functions.filter(looks));
  }

  /** What a view selects, on each shard; undefined for what is no view. */
  definitionsOf(view: string): ReadonlySet<string | undefined> | undefined {
    return this.#views.get(view);
  }

  /** The first name of a set that a text calls as a function, or reads as a view. */
  runIn(tokens: Tokens, names: ReadonlySet<string>): string | undefined {
    return names.size === 0 ? undefined : this.#runs(tokens).find((name) => names.has(name));
  }

  /** Whether what a text runs may change a table: the text itself, a view of it, or a function that it calls. */
  mayChange(table: string, tokens: Tokens, seen = new Set<string>()): boolean {
    if (tokens.some((token) => isWord(token, 'CALL') || nameOf(token) === table.toLowerCase())) {
      return true;
    }
    return this.#runs(tokens).some((name) => {
      if (seen.has(name)) return false;
      seen.add(name);
      return (this.#bodies.get(name) ?? []).some((body) => {
        if (body.routine !== undefined && !this.writers.has(name)) return false;
        if (body.tokens === undefined) return body.routine !== undefined;
        return this.mayChange(table, body.tokens, seen);
      });
    });
  }

  #add(name: string, definition: string | undefined, routine: Routine | undefined): void {
    const tokens = definition === undefined ? undefined : tokensOf(runTextOf(definition));
    this.#bodies.get(name)?.push({ name, tokens, routine, runs: this.#runs(tokens ?? []) });
  }

  #runs(tokens: Tokens): string[] {
    return tokens.flatMap((token, index) => {
      const name = nameOf(token);
      if (name === undefined || !this.#bodies.has(name)) return [];
      return this.#views.has(name) || calledAt(tokens, index) !== undefined ? [name] : [];
    });
  }
}

/** A text without its comments, but with what some servers run of them. */
export function runTextOf(body: string): string {
  let text = '';
  let end = 0;
  for (const { kind, start, end: next } of tokensOf(body)) {
    const written = body.slice(start, next);
    const run = kind === 'hidden' ? /^\/\*M?!\d*([\s\S]*)\*\/$/.exec(written)?.[1] : undefined;
    text += (start > end ? ' ' : '') + (run === undefined ? written : ` ${runTextOf(run)} `);
    end = next;
  }
  return text;
}

const changing = 'DELETE TRUNCATE CREATE DROP ALTER RENAME CALL EXECUTE'.split(' ');
const drawing = ['NEXTVAL', 'SETVAL'];

function writes({ tokens = [], routine }: Body): boolean {
  if (routine?.access === 'MODIFIES SQL DATA') return true;
  return tokens.some((_, index) => {
    const is = (word: string, offset = 0) => isWord(tokens[index + offset], word);
    if (changing.some((word) => is(word))) return true;
    if (is('INSERT') || is('REPLACE')) return tokens[index + 1]?.text !== '(';
    if (is('UPDATE')) return !is('FOR', -1);
    if (is('NEXT')) return is('VALUE', 1) && is('FOR', 2);
    return drawing.includes(calledAt(tokens, index) ?? '');
  });
}

/** `FETCH GROUP NEXT ROW` makes an aggregate of a function. */
function looks({ tokens }: Body): boolean {
  const reading = ['FROM', 'TABLE', 'GROUP'];
  return (
    tokens === undefined || tokens.some((token) => reading.some((word) => isWord(token, word)))
  );
}

/** The names of some bodies and of all that run them, however many stand between. */
function withCallers(all: readonly Body[], first: readonly Body[]): ReadonlySet<string> {
  const callers = new Map<string, string[]>();
  for (const { name, runs } of all) {
    for (const run of runs) at(callers, run, () => []).push(name);
  }
  const names = new Set(first.map(({ name }) => name));
  // A set goes on with what is added to it meanwhile.
  for (const name of names) for (const caller of callers.get(name) ?? []) names.add(caller);
  return names;
}

function nameOf({ kind, text }: SqlToken): string | undefined {
  return kind === 'word' || kind === 'name' ? text.toLowerCase() : undefined;
}

function at<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}
