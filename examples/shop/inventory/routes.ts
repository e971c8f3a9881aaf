import { z } from 'zod';
import { notFound, Problem } from '../platform/problem.ts';
import { type Service, timeLeft } from '../platform/service.ts';
import type { Data } from './tables.ts';

const reservation = z.strictObject({
  item: z.string().min(1).max(40),
  checkout: z.string().min(1).max(200),
  pieces: z.int().positive().max(100),
});
const release = reservation.omit({ pieces: true });
const pieces = z.object({ pieces: z.int() });

export function addRoutes(app: Service, data: Data): void {
  app.put('/reservations', { schema: { body: reservation } }, async ({ body }, reply) => {
    const { item, checkout } = body;
    await data.stock.at(item).transaction(
      async (trx) => {
        const left = await trx.stock.get(item, { forUpdate: true });
        const [earlier] = await trx.query(
          'SELECT pieces FROM reservations WHERE item = ? AND checkout = ?',
          [item, checkout],
          { schema: pieces },
        );
        if (left === null) throw notFound('item');
        if (earlier?.pieces === body.pieces) return;
        if (earlier) throw new Problem(422, 'key-reused', 'It was reserved for something else');
        if (left.pieces < body.pieces)
          throw new Problem(409, 'sold-out', 'There is not enough left');
        await trx.stock.update(item, { pieces: left.pieces - body.pieces });
        await trx.reservations.insert(body);
      },
      { ...timeLeft(reply), retries: 3 },
    );
    return reply.code(204).send();
  });

  app.delete('/reservations', { schema: { body: release } }, async ({ body }, reply) => {
    const { item, checkout } = body;
    await data.stock.at(item).transaction(
      async (trx) => {
        const [reserved] = await trx.query(
          'SELECT pieces FROM reservations WHERE item = ? AND checkout = ? FOR UPDATE',
          [item, checkout],
          { schema: pieces },
        );
        if (reserved === undefined) return;
        await trx.execute('DELETE FROM reservations WHERE item = ? AND checkout = ?', [
          item,
          checkout,
        ]);
        await trx.execute('UPDATE stock SET pieces = pieces + ? WHERE item = ?', [
          reserved.pieces,
          item,
        ]);
      },
      { ...timeLeft(reply), retries: 3 },
    );
    return reply.code(204).send();
  });

  app.get(
    '/health',
    { config: { open: true }, schema: { querystring: z.object({}) } },
    async () => ({
      ready: data.health().ready,
    }),
  );
}
