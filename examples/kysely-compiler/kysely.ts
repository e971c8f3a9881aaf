import {
  type Compilable,
  DummyDriver,
  Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
} from 'kysely';
import type { SqlValue } from 'meridian';
import type { z } from 'zod';
import type { transactions } from './tables.ts';

interface Database {
  transactions: z.output<typeof transactions.schema>;
}

/** Builds statements; it has no connection, so that nothing can be run past Meridian. */
export const db = new Kysely<Database>({
  dialect: {
    createAdapter: () => new MysqlAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (of) => new MysqlIntrospector(of),
    createQueryCompiler: () => new MysqlQueryCompiler(),
  },
});

/** A statement as Meridian takes it, which refuses a parameter that is none. */
export function compiled(query: Compilable): [sql: string, params: readonly SqlValue[]] {
  const { sql, parameters } = query.compile();
  return [sql, parameters as readonly SqlValue[]];
}
