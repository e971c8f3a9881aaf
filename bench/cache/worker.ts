import { z } from 'zod';
import { Member } from './member.ts';
import { orderSchema } from './order.ts';

/** A child process that carries out the orders its parent sends. */
const member = new Member();
const letter = z.object({ id: z.number(), order: orderSchema });

process.on('message', (message) => {
  const { id, order } = letter.parse(message);
  member.carryOut(order).then(
    (report) => process.send?.({ id, report }),
    (error: unknown) => process.send?.({ id, problem: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
