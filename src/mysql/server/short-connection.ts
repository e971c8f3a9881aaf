import { connect } from 'node:net';
import mysql, { type Connection } from 'mysql2';
import { connectionOptions, type ServerAddress } from './connection-options.ts';
import { namedAs } from './server-name.ts';

/** A connection of the driver that is in no pool, for a question or two. */
export interface ShortConnection {
  readonly driver: Connection;
  /** Ends it at once, both halves of its socket; who waits for an answer has this reason. */
  cut(reason: Error): void;
}

/** The socket is made here, as that of a {@link ServerConnection} is: a silent peer would hold the driver's own. */
export function shortConnection(address: ServerAddress): ShortConnection {
  const { host, port } = address;
  const socket = namedAs(host, connect({ host, port, noDelay: true }));
  const driver = mysql.createConnection({ ...connectionOptions(address), stream: () => socket });
  return { driver, cut: (reason) => socket.destroy(reason) };
}
