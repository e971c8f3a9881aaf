import type { ChaosProxy, MysqlServer } from 'meridian/testing';
import mysql, { type Connection } from 'mysql2/promise';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { Fault, Strike } from '../run/fault.ts';

/** A shard, and the network before it. */
export interface Target {
  readonly name: string;
  readonly server: MysqlServer;
  readonly proxy: ChaosProxy;
}

type Make = (target: Target, random: SeededRandom) => Promise<Omit<Strike, 'what'>>;

/** The server's lowest limit; it keeps one connection more for its administrator. */
const fewConnections = 10;

const network: Record<string, Make> = {
  'lost replies to COMMIT': async ({ proxy }) => {
    let armed = proxy.dropNextCommitReply();
    let isOver = false;
    const arm = async () => {
      while (!isOver) {
        await armed.happened;
        armed = proxy.dropNextCommitReply();
      }
    };
    // Undoing it rejects, which is the end of it.
    const arming = arm().catch(() => undefined);
    return {
      async mend() {
        isOver = true;
        armed.undo();
        await arming;
        armed.undo();
      },
    };
  },
  'a lost reply to an INSERT': async ({ proxy }) =>
    undone(proxy.dropReplyTo(/^insert into `transfers`/i)),
  'a black hole': async ({ proxy }) => undone(proxy.blackHole()),
  'a slow network': async ({ proxy }, random) =>
    undone(proxy.latency(random.between(5, 120), random.between(0, 60))),
  'connections cut within a message': async ({ proxy }, random) =>
    undone(proxy.cutAfter(20 + random.below(4_000))),
  'connections refused': async ({ proxy }) => {
    const refusal = proxy.refuse();
    proxy.reset();
    return undone(refusal);
  },
  'a reset of all connections': async ({ proxy }) => {
    proxy.reset();
    return {};
  },
};

const servers: Record<string, Make> = {
  'kill -9': async ({ server }) => {
    await server.kill();
    return { mend: () => server.restart() };
  },
  'a frozen server': async ({ server }) => {
    await server.pause();
    return { mend: () => server.resume() };
  },
  'a server that is read-only': async ({ server }) => {
    await asAdmin(server, 'SET GLOBAL read_only = ON');
    return { mend: () => asAdmin(server, 'SET GLOBAL read_only = OFF') };
  },
  'a server without connections to spare': async ({ server }) => {
    const others: Connection[] = [];
    // It is kept for the mend: the spare connection of the server is anybody's who asks first.
    const admin = await mysql.createConnection({ uri: server.adminUrl });
    await admin.query(`SET GLOBAL max_connections = ${fewConnections}`);
    for (let taken = 0; taken < fewConnections - 2; taken++) {
      const connection = await mysql.createConnection({ uri: server.url }).catch(() => undefined);
      connection?.on('error', () => {});
      if (connection !== undefined) others.push(connection);
    }
    return {
      async mend() {
        for (const connection of others) connection.destroy();
        await admin.query('SET GLOBAL max_connections = 200');
        await admin.end();
      },
    };
  },
  'connections killed one by one': async ({ server }) => {
    await killAll(server);
    return {};
  },
};

/** All that can befall a shard. */
export function faultsOf(target: Target): Fault[] {
  const of = (kind: 'network' | 'server', makes: Record<string, Make>) =>
    Object.entries(makes).map(
      ([name, make]): Fault => ({
        name,
        subject: `${kind} of ${target.name}`,
        strike: async (random) => ({
          what: `${target.name}: ${name}`,
          ...(await make(target, random)),
        }),
      }),
    );
  return [...of('network', network), ...of('server', servers)];
}

function undone(fault: { undo(): void }): Omit<Strike, 'what'> {
  return { mend: async () => fault.undo() };
}

async function asAdmin(server: MysqlServer, ...statements: string[]): Promise<void> {
  const connection = await mysql.createConnection({ uri: server.adminUrl });
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function killAll(server: MysqlServer): Promise<void> {
  const connection = await mysql.createConnection({ uri: server.adminUrl });
  try {
    // Not from information_schema: MySQL's fails while a statement that it lists has bytes in it.
    const [rows] = await connection.query<mysql.RowDataPacket[]>('SHOW PROCESSLIST');
    for (const { Id } of rows) {
      if (Id === connection.threadId) continue;
      // It may have ended by itself meanwhile.
      await connection.query(`KILL ${Number(Id)}`).catch((error: unknown) => {
        if (!(error instanceof Error && 'errno' in error && error.errno === 1094)) throw error;
      });
    }
  } finally {
    await connection.end();
  }
}
