import { findMysql, type MysqlFlavor } from '../../../src/testing/runners/binaries.ts';
import { connectEngine, flavorOf } from '../../../src/testing/runners/container-engine.ts';

/** Which server the clusters of this run have: what only one of the two knows is told to it alone. */
export const serverFlavor: MysqlFlavor = await flavorOfThisRun();
export const isMariadb = serverFlavor === 'mariadb';

/** How GTIDs look in the token of a session: the source of a regular expression. */
export const gtidPattern = isMariadb ? '\\d+-\\d+-\\d+' : '[\\da-f-]{36}:\\d[\\d:-]*';

/** A statement under a sql_mode of its own. */
export function underMode(mode: string, statement: string): string {
  if (isMariadb) return `SET STATEMENT sql_mode = '${mode}' FOR ${statement}`;
  return statement.replace(/^\w+/, (verb) => `${verb} /*+ SET_VAR(sql_mode = '${mode}') */`);
}

async function flavorOfThisRun(): Promise<MysqlFlavor> {
  const { MERIDIAN_TEST_PROVIDER: provider, MERIDIAN_MYSQL_IMAGE: image = 'mysql:8.4' } =
    process.env;
  if (provider === 'container') return flavorOf(await connectEngine(), image);
  return (await findMysql())?.flavor ?? 'mysql';
}
