import { createServer } from 'node:http';
import type { TestProject } from 'vitest/node';
import { Seat } from './seat.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test file asks for the servers of its worker. */
    readonly seats: string;
  }
}

/**
 * Keeps a seat of servers for each worker, begun when its first file asks. It answers over HTTP,
 * because each file runs in a process of its own and servers must outlive it.
 */
export default async function provideSeats(project: TestProject): Promise<() => Promise<void>> {
  const seats = new Map<string, Promise<Seat>>();

  const fresh = async (worker: string): Promise<Seat> => {
    const kept = await seats.get(worker);
    if (kept !== undefined && !kept.isTaken) return kept;
    const begun = Promise.all([Seat.start(), kept?.stop()]).then(([seat]) => seat);
    seats.set(worker, begun);
    return begun;
  };
  const answer = async (verb: string, worker: string): Promise<unknown> => {
    if (verb === 'take') return (await fresh(worker)).take();
    const seat = await seats.get(worker);
    if (seat === undefined) throw new TypeError(`worker ${worker} gives back what it never took`);
    return seat.giveBack();
  };

  const server = createServer((request, response) => {
    const [, verb = '', worker = ''] = request.url?.split('/') ?? [];
    answer(verb, worker).then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port to listen on');
  project.provide('seats', `http://127.0.0.1:${address.port}`);

  return async () => {
    server.close();
    server.closeAllConnections();
    await Promise.all([...seats.values()].map(async (seat) => (await seat).stop()));
  };
}
