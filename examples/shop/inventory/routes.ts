import { z } from 'zod';
import { keyReused, notFound, Problem } from '../platform/problem.ts';
import { type Service, timeLeft } from '../platform/service.ts';
import type { Data } from './tables.ts';

const reservation = z.strictObject({
  item: z.string().min(1).max(40),
  checkout: z.string().min(1).max(200),
  pieces: z.int().positive().max(100),
});
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
        if (earlier) throw keyReused();
        if (left.pieces < body.pieces)
          throw new Problem(409, 'sold-out', 'There is not enough left');
        await trx.stock.update(item, { pieces: left.pieces - body.pieces });
        await trx.reservations.insert(body);
      },
      { ...timeLeft(reply), retries: 3 },
    );
    return reply.code(204).send();
  });

  app.delete('/reservations', { schema: { body: reservation } }, async ({ body }, reply) => {
    const { item, checkout, pieces } = body;
    await data.stock.at(item).transaction(
      async (trx) => {
        const left = await trx.stock.get(item, { forUpdate: true });
        const { affected } = await trx.execute(
          'DELETE FROM reservations WHERE item = ? AND checkout = ? AND pieces = ?',
          [item, checkout, pieces],
        );
        if (left === null || affected === 0) return;
        await trx.stock.update(item, { pieces: left.pieces + pieces });
      },
      { ...timeLeft(reply), retries: 3 },
    );
    return reply.code(204).send();
  });
}
