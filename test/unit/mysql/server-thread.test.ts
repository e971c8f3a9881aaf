import { expect, it } from 'vitest';
import { hasThread, serverThread } from '../../../src/mysql/server/server-thread.ts';
import type { Ask } from '../../../src/mysql/sql/sql.ts';

const answering =
  (...rows: Record<string, unknown>[]): Ask =>
  async () =>
    rows;
const unasked: Ask = () => Promise.reject(new Error('nothing was to be asked'));

it('the number of a greeting that is the server’s needs no second look', async () => {
  expect(await serverThread(17, 17, unasked)).toEqual({ id: 17, isRenumbered: false });
});

it('a greeting has room for the last 32 bits of a number', async () => {
  const id = 2 ** 32 + 17;
  expect(await serverThread(17, id, unasked)).toEqual({ id, isRenumbered: false });
});

it('a proxy may count for itself as long as a connection keeps its thread', async () => {
  const thread = await serverThread(999, 17, answering({ thread: '17' }));
  expect(thread).toEqual({ id: 17, isRenumbered: true });
});

it('a connection whose statements go to several threads is refused', async () => {
  const torn = serverThread(999, 17, answering({ thread: '18' }));
  await expect(torn).rejects.toMatchObject({
    phase: 'connecting',
    message: expect.stringContaining('multiplexing'),
  });
});

it('a list of threads is believed when the one that asks is on it', async () => {
  const own = { id: 17, isRenumbered: true };
  expect(await hasThread(5, own, answering({ Id: 17 }, { Id: 5 }))).toBe(true);
  expect(await hasThread(5, own, answering({ ID: 17 }))).toBe(false);
  await expect(hasThread(5, own, answering({ Id: 3 }))).rejects.toThrow('another server');
});
