import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import mysql, { type Connection } from 'mysql2';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { ping } from '../../../src/mysql/server/ping.ts';

/** Greets, and refuses whoever comes with the error that a test asks for; the driver's own server. */
const server = mysql.createServer(greet);
const users: string[] = [];
let refusal: { message: string; code: number } | null = null;
let port: number;

function greet(connection: Connection): void {
  connection.on('error', () => undefined);
  connection.on('ping', () => Reflect.apply(Reflect.get(connection, 'writeOk'), connection, []));
  connection.serverHandshake({
    protocolVersion: 10,
    serverVersion: '8.4.0',
    connectionId: 1,
    statusFlags: 2,
    characterSet: 45,
    capabilityFlags: 0xffffff ^ 2048,
    authCallback: ({ user }: { user: string }, done: (_: null, error: unknown) => void) => {
      users.push(user);
      done(null, refusal);
    },
  });
}

beforeAll(async () => {
  const net: Server = Reflect.get(server, '_server');
  net.listen(0, '127.0.0.1');
  await once(net, 'listening');
  ({ port } = net.address() as AddressInfo);
});
afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));
beforeEach(() => {
  users.length = 0;
  refusal = null;
});

const address = () =>
  ({ host: '127.0.0.1', port, user: 'old', password: 'x', database: 'app', tls: 'off' }) as const;

it('a probe logs in as callers do', async () => {
  const credentials = async () => ({ user: 'rotated', password: 'y' });
  await ping({ ...address(), credentials }, 5_000);
  expect(users).toEqual(['rotated']);
});

it.each([
  ['throws', () => Promise.reject(new Error('the store is down'))],
  ['never answers', () => new Promise<never>(() => {})],
])('where credentials %s a probe still hears whether the server lives', async (_, credentials) => {
  await ping({ ...address(), credentials }, 100);
  expect(users).toEqual(['old']);
});

it.each([1045, 1040, 3118, 3955, 4151])('a refusal with %i is a sign of life', async (code) => {
  refusal = { message: 'no', code };
  await expect(ping(address(), 5_000)).resolves.toBeUndefined();
});

it('an error that says that the server ends is none', async () => {
  refusal = { message: 'shutdown', code: 1053 };
  await expect(ping(address(), 5_000)).rejects.toThrow();
});
