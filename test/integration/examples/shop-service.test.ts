import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createService, type Service, timeLeft } from '../../../examples/shop/platform/service.ts';

let app: Service;
let sockets: Socket[];
let log: string;

beforeEach(async () => {
  log = '';
  sockets = [];
  const stream = new Writable({
    write(chunk, _, done) {
      log += chunk;
      done();
    },
  });
  app = createService({ name: 'test', region: 'eu', logLevel: 'info', stream });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await app.close();
});

async function open(): Promise<Socket> {
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect({ port: Number(port), allowHalfOpen: true });
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

it('lets nobody whom it can not read hold a connection', async () => {
  const socket = await open();
  socket.write('no HTTP\r\n\r\n');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/^HTTP\/1.1 400 /);
  // This side stays open; the other one does not wait for it.
  await app.close();
  expect(socket.writable).toBe(true);
});

it('X2: a body that dawdles is given up at the request’s time limit', async () => {
  const schema = { body: z.object({}) };
  app.post('/slow', { schema }, async () => 'never');
  const socket = await open();
  const ended = once(socket, 'end');
  socket.resume();
  socket.write('POST /slow HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n');
  socket.write('content-length: 1000\r\n\r\n');
  const dawdling = setInterval(() => socket.write(' '), 500);
  await ended.finally(() => clearInterval(dawdling));
}, 25_000);

it('finishes what came before its end, in its own words', async () => {
  const schema = { querystring: z.object({}) };
  let finish = () => {};
  const asked = new Promise<void>((resolve) => {
    app.get('/slow', { schema }, async () => {
      resolve();
      await new Promise<void>((done) => {
        finish = done;
      });
      return 'slow';
    });
  });
  app.get('/late', { schema }, async () => 'late');
  const socket = await open();
  socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
  await asked;
  const closed = app.close();
  await expect.poll(() => app.server.listening).toBe(false);
  socket.write('GET /late HTTP/1.1\r\nhost: x\r\n\r\n');
  await once(app.server, 'request');
  finish();
  const answers = await text(socket);
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  expect(answers).toMatch(/late$/);
  await closed;
});

it('logs what broke an answer off, without what it said', async () => {
  app.get('/rows', { schema: { querystring: z.object({}) } }, (_, reply) => {
    async function* rows() {
      yield 'first\n';
      await new Promise(setImmediate);
      throw new Error('secret');
    }
    return reply.send(Readable.from(rows()));
  });
  const socket = await open();
  socket.write('GET /rows HTTP/1.1\r\nhost: x\r\n\r\n');
  expect(await text(socket)).toMatch(/first/);
  await expect.poll(() => log).toContain('The answer broke off');
  expect(log).toContain('"level":50');
  expect(log).not.toContain('secret');
});

it('says nothing of an error that nobody foresaw, and logs where it was', async () => {
  app.get('/bug', { schema: { querystring: z.object({}) } }, () => {
    throw new TypeError('secret', { cause: new Error('another secret') });
  });
  const { statusCode, headers, body } = await app.inject('/bug');
  expect(statusCode).toBe(500);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(JSON.parse(body)).toEqual({
    type: 'urn:shop:problem:internal',
    title: 'Something went wrong',
    status: 500,
    instance: expect.stringMatching(/^urn:shop:request:[\da-f-]{36}$/),
  });
  expect(log).toMatch(/"name":"TypeError","at":\[".*shop-service\.test\.ts/);
  expect(log).not.toContain('secret');
});

it.each([
  ['250', 0, 250],
  ['60000', 10_000, 60_000],
  ['', 0, 2_000],
  ['soon', 0, 2_000],
  ['-1', 0, 2_000],
])(
  'of the deadline %j over %i and at most %i milliseconds are left',
  async (header, over, most) => {
    app.get('/left', { schema: { querystring: z.object({}) } }, async (_, reply) =>
      timeLeft(reply),
    );
    const { body } = await app.inject({ url: '/left', headers: { 'x-deadline-ms': header } });
    const { timeoutMs } = JSON.parse(body);
    expect(timeoutMs).toBeGreaterThan(over);
    expect(timeoutMs).toBeLessThanOrEqual(most);
  },
);
