import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MysqlBinary } from './binaries.ts';
import { copyDataDirectory } from './data-directory.ts';
import {
  followStatements,
  initFile,
  type MysqlAccounts,
  mysqlUrl,
  type ReplicationSource,
  setupStatements,
} from './mysql-accounts.ts';
import { dataFolder, type MysqlPlace, serverArguments } from './mysql-arguments.ts';
import { loopback, type ProcessHost, ProcessRunner } from './process-runner.ts';
import { answersMysql } from './readiness.ts';
import { MysqlServerHandle } from './server-handle.ts';

/** What all MySQL servers of a cluster share. */
export interface MysqlHome extends ProcessHost {
  readonly binary: MysqlBinary;
  readonly template: string;
  readonly accounts: MysqlAccounts;
}

export interface MysqlIdentity {
  readonly name: string;
  readonly serverId: number;
  readonly domainId: number;
  /** The primary to follow; absent for a primary. */
  readonly follows?: ReplicationSource;
}

/** Starts one MariaDB or MySQL process on data of its own, ready with its users and database. */
export async function startMysqlProcess(
  home: MysqlHome,
  { name, serverId, domainId, follows }: MysqlIdentity,
): Promise<MysqlServerHandle> {
  const { binary, accounts, supervisor } = home;
  const place: MysqlPlace = {
    folder: supervisor.folder,
    slug: `mysql-${serverId}`,
    serverId,
    domainId,
    readOnly: follows !== undefined,
  };
  await copyDataDirectory(home.template, dataFolder(place));
  const setup = join(place.folder, `${place.slug}.sql`);
  await writeFile(
    setup,
    initFile([
      ...setupStatements(binary.flavor, accounts),
      ...(follows ? followStatements(binary.flavor, accounts, follows) : []),
    ]),
    { mode: 0o600 },
  );

  let isSetUp = false;
  const runner = await ProcessRunner.onFreePort(
    {
      name,
      file: binary.file,
      log: join(place.folder, `${place.slug}.log`),
      probe: answersMysql,
      // Later starts find it all in the data, and must not undo what a test has changed.
      argumentsFor: (port) => [
        ...serverArguments(binary, place, port),
        ...(isSetUp ? [] : [`--init-file=${setup}`]),
      ],
    },
    home,
  );
  isSetUp = true;

  const url = (account: keyof Pick<MysqlAccounts, 'app' | 'admin'>) =>
    mysqlUrl(accounts[account], loopback, runner.port, accounts.database);
  return new MysqlServerHandle(
    { name, host: loopback, port: runner.port, url: url('app'), adminUrl: url('admin') },
    runner,
  );
}
