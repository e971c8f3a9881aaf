import type { ConnectionOptions } from 'mysql2';
import type { EndpointAddress } from '../config/endpoint-url.ts';

/**
 * How every connection is opened. Big integers and decimals come back as text and times as UTC, so
 * that nothing is rounded before the schema has decided what a column becomes.
 */
export function connectionOptions(address: EndpointAddress): ConnectionOptions {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    // None: whoever opens a connection has one clock for the handshake and what follows.
    connectTimeout: 0,
    charset: 'utf8mb4_bin',
    supportBigNumbers: true,
    bigNumberStrings: true,
    timezone: 'Z',
    jsonStrings: true,
    flags: ['SESSION_TRACK'],
    // A server has 16,382 for all its connections; the driver alone would keep 16,000 of each.
    maxPreparedStatements: 250,
    ...(address.tls === 'verify' && { ssl: { minVersion: 'TLSv1.2' } }),
  };
}

/**
 * Strict mode, so that a value the column can't hold is an error and never silently changed; UTC
 * for TIMESTAMP; autocommit, or a write would be acknowledged and lost; and the consistency token in each OK packet. The comments are executable: one
 * line for MariaDB, one for MySQL.
 */
export const sessionSetup = `SET SESSION sql_mode=CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES'),
  time_zone='+00:00', autocommit=1
  /*M!100000 , session_track_system_variables='last_gtid' */
  /*!80000 , session_track_gtids=OWN_GTID */`;
