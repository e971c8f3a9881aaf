import type { Tables } from '../rows/schema/row-types.ts';
import { SeenWrites } from '../rows/sessions/seen-writes.ts';
import { parseToken } from '../rows/sessions/token.ts';
import type { HandleOf } from './table-types.ts';

/**
 * The tables of a data layer, as one reader sees them: what the session wrote, or the sessions before
 * it whose token it was given, its reads see.
 *
 * @example
 * const session: Session<typeof tables> = data.session(request.headers.get('x-token') ?? undefined);
 * await session.users.update(id, { name: 'Ada L.' });
 * const token = session.token; // for the next process
 */
export type Session<T extends Tables> = {
  readonly [Name in keyof T]: HandleOf<T[Name], T>;
} & {
  /**
   * What was written so far, for the next session: at most 4,096 ASCII characters that headers, cookies
   * and URLs take as they are. Undefined while nothing was written.
   */
  readonly token: string | undefined;
};

/** Makes the handle of a table. Its reads see what a session has seen, and its writes are added to that. */
export type MakeHandle = (seen: SeenWrites) => object;

/**
 * Opens sessions over the tables with these names. Costs an object each; a handle is made when it is
 * first used.
 */
export function sessionsOf(
  tables: readonly (readonly [label: string, make: MakeHandle])[],
): (token?: string) => Session<Record<never, never>> {
  class OpenSession {
    readonly #seen: SeenWrites;
    readonly #handles = new Map<string, object>();

    static {
      for (const [label, make] of tables) {
        Object.defineProperty(OpenSession.prototype, label, {
          enumerable: true,
          get(this: OpenSession) {
            return this.#handle(label, make);
          },
        });
      }
    }

    constructor(seen: SeenWrites) {
      this.#seen = seen;
      Object.freeze(this);
    }

    get token(): string | undefined {
      return this.#seen.token;
    }

    #handle(label: string, make: MakeHandle): object {
      let handle = this.#handles.get(label);
      if (handle === undefined) {
        handle = make(this.#seen);
        this.#handles.set(label, handle);
      }
      return handle;
    }
  }
  return (token) => {
    // An empty header is what a session that wrote nothing may come back as.
    const isNew = token === undefined || token === '';
    return new OpenSession(new SeenWrites(isNew ? undefined : parseToken(token)));
  };
}
