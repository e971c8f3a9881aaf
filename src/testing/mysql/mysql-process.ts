import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MysqlBinary } from '../runners/binaries.ts';
import { loopback, type ProcessHost, ProcessRunner } from '../runners/process-runner.ts';
import { answersMysql } from '../runners/readiness.ts';
import { MysqlServerHandle } from '../runners/server-handle.ts';
import { copyDataDirectory } from './data-directory.ts';
import { firstStatements, initFile, type MysqlAccounts, mysqlUrls } from './mysql-accounts.ts';
import { dataFolder, type MysqlPlace, processArguments } from './mysql-arguments.ts';
import { type MysqlIdentity, roleOf } from './shard-servers.ts';

/** What all MySQL servers of a cluster share. */
export interface MysqlHome extends ProcessHost {
  readonly binary: MysqlBinary;
  readonly template: string;
  readonly accounts: MysqlAccounts;
  /** Arguments after those of a cluster. */
  readonly arguments: readonly string[];
}

/** Starts one MariaDB or MySQL process on data of its own, ready with its users and database. */
export async function startMysqlProcess(
  home: MysqlHome,
  identity: MysqlIdentity,
): Promise<MysqlServerHandle> {
  const { name, serverId, follows } = identity;
  const { binary, accounts, supervisor } = home;
  const place: MysqlPlace = {
    folder: supervisor.folder,
    slug: `mysql-${serverId}`,
  };
  await copyDataDirectory(home.template, dataFolder(place));
  const setup = join(place.folder, `${place.slug}.sql`);
  await writeFile(setup, initFile(firstStatements(binary.flavor, accounts, follows)), {
    mode: 0o600,
  });

  let isSetUp = false;
  const runner = await ProcessRunner.onFreePort(
    {
      name,
      file: binary.file,
      leading: binary.leading,
      log: join(place.folder, `${place.slug}.log`),
      probe: answersMysql,
      // Later starts find it all in the data, and must not undo what a test has changed.
      argumentsFor: (port) => [
        ...processArguments(binary, roleOf(identity), place, port),
        ...home.arguments,
        ...(isSetUp ? [] : [`--init-file=${setup}`]),
      ],
    },
    home,
  );
  isSetUp = true;

  return new MysqlServerHandle(
    {
      ...{ name, host: loopback, port: runner.port },
      ...mysqlUrls(accounts, loopback, runner.port),
    },
    runner,
  );
}
