import { join } from 'node:path';
import type { MysqlBinary, MysqlFlavor } from '../runners/binaries.ts';

/** Who a MySQL server is among those of its cluster. */
export interface MysqlRole {
  /** Unique in the cluster. */
  readonly serverId: number;
  /** One per shard, so that a GTID names the shard it is from. MariaDB only. */
  readonly domainId: number;
  readonly readOnly: boolean;
}

/** Where a MySQL process keeps its files. */
export interface MysqlPlace {
  readonly folder: string;
  /** A short file name: the path of a Unix socket may have some 100 characters only. */
  readonly slug: string;
}

export function dataFolder({ folder, slug }: MysqlPlace): string {
  return join(folder, `${slug}-data`);
}

/**
 * Arguments that must be the same when the data directory is made and when it is served.
 *
 * Sizes are for tests: many servers on one small machine.
 */
export function storageArguments(flavor: MysqlFlavor): string[] {
  return [
    '--innodb-buffer-pool-size=32M',
    flavor === 'mariadb' ? '--innodb-log-file-size=16M' : '--innodb-redo-log-capacity=16M',
    // Each server would take thousands of a kernel-wide budget of asynchronous requests.
    '--innodb-use-native-aio=OFF',
    '--performance-schema=OFF',
    ...(flavor === 'mysql' ? mysqlStorageArguments : []),
  ];
}

/**
 * Arguments of a server, wherever it runs. Every commit reaches the kernel before it is
 * acknowledged, so that nothing acknowledged is lost when the process is killed.
 */
export function roleArguments(flavor: MysqlFlavor, role: MysqlRole): string[] {
  return [
    ...storageArguments(flavor),
    '--skip-name-resolve',
    '--max-connections=300',
    '--table-open-cache=400',
    '--character-set-server=utf8mb4',
    '--innodb-flush-log-at-trx-commit=1',
    '--sync-binlog=0',
    `--server-id=${role.serverId}`,
    '--log-bin=binlog',
    '--relay-log=relay',
    '--relay-log-recovery=ON',
    // Users without SUPER may create triggers although there is a binary log.
    '--log-bin-trust-function-creators=ON',
    `--read-only=${role.readOnly ? 'ON' : 'OFF'}`,
    ...(flavor === 'mariadb' ? mariadbArguments(role) : mysqlArguments),
  ];
}

/** Arguments of a server that runs as a process of this machine. */
export function processArguments(
  binary: MysqlBinary,
  role: MysqlRole,
  place: MysqlPlace,
  port: number,
): string[] {
  const path = (name: string) => join(place.folder, `${place.slug}${name}`);
  return [
    // First, or the server reads the configuration files of this machine.
    '--no-defaults',
    ...runAsRoot(),
    ...inRoot(binary.root),
    ...roleArguments(binary.flavor, role),
    `--datadir=${dataFolder(place)}`,
    `--socket=${path('.sock')}`,
    `--pid-file=${path('.pid')}`,
    `--tmpdir=${place.folder}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
  ];
}

/**
 * A server refuses to run as root unless it is told to by name. The short form, because
 * `mariadb-install-db` takes the long one as a request to change the owner of system files.
 */
export function runAsRoot(): string[] {
  return process.getuid?.() === 0 ? ['-uroot'] : [];
}

/** A server looks for its messages and character sets where it was built for, unless it is told. */
export function inRoot(root: string | undefined): string[] {
  return root === undefined ? [] : [`--basedir=${join(root, 'usr')}`];
}

function mariadbArguments({ domainId }: MysqlRole): string[] {
  return [
    '--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    '--key-buffer-size=1M',
    '--aria-pagecache-buffer-size=4M',
    '--binlog-format=ROW',
    '--gtid-strict-mode=ON',
    `--gtid-domain-id=${domainId}`,
    '--log-slave-updates=ON',
    '--slave-net-timeout=10',
  ];
}

/** The buffers are for a busy machine: without these a server takes 70 MB more. */
const mysqlStorageArguments = [
  '--innodb-log-buffer-size=1M',
  '--innodb-doublewrite-pages=16',
  '--mysqlx=OFF',
  // Else a server ends at its start where the folder that it was built for is missing.
  '--secure-file-priv=NULL',
];

const mysqlArguments = [
  '--gtid-mode=ON',
  '--enforce-gtid-consistency=ON',
  '--replica-net-timeout=10',
];
