import type { FastifyReply, FastifyRequest } from 'fastify';
import { isMeridianError } from 'meridian';
import { z } from 'zod';
import { callerOf } from '../platform/caller.ts';
import { keyReused, notFound, Problem } from '../platform/problem.ts';
import { type Service, timeLeft } from '../platform/service.ts';
import type { Inventory } from './inventory.ts';
import { enter, entered } from './ledger.ts';
import { type Data, items, type Ledger, transactions } from './tables.ts';

const keyed = z.looseObject({ 'idempotency-key': z.string().regex(/^[\w-]{8,100}$/) });
type Keyed = Omit<FastifyRequest, 'headers'> & { readonly headers: z.output<typeof keyed> };
/** In one form: ids are stored as text. */
const id = z.uuid().toLowerCase();
const newAccount = z.strictObject({ name: z.string().trim().min(1).max(40) });
const basket = z.strictObject({
  account_id: id,
  item: items.schema.shape.code,
  pieces: z.int().positive().max(100),
});
const transfer = z
  .strictObject({ from: id, to: id, cents: z.int().positive().max(10_000_000) })
  .refine(({ from, to }) => from !== to, { path: ['to'], error: 'It is there already' });
const whose = z.object({ id });
const page = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  after: z.uuid().default('00000000-0000-0000-0000-000000000000'),
});

const welcomeCents = 10_000;

export function addRoutes(app: Service, data: Data, inventory: Inventory): void {
  /** A change of the caller's accounts, made once however often it is asked for with its key. */
  const once = <R>(request: Keyed, reply: FastifyReply, change: (trx: Ledger) => Promise<R>) =>
    data.accounts.at(callerOf(request).userId).transaction(change, {
      ...timeLeft(reply),
      retries: 3,
      idempotencyKey: `${request.routeOptions.url}:${request.headers['idempotency-key']}`,
      payload: request.body,
    });

  app.post(
    '/accounts',
    { schema: { headers: keyed, body: newAccount } },
    async (request, reply) => {
      const { userId: owner_id, region } = callerOf(request);
      const { name } = request.body;
      const account = await once(request, reply, async (trx) => {
        const { id } = await trx.accounts.insert({ owner_id, name, cents: 0 });
        if (await entered(trx, owner_id, 'welcome')) return { id, name, cents: 0 };
        const gift = { owner_id, account_id: id, kind: 'welcome', item: null, region } as const;
        await enter(trx, { ...gift, cents: welcomeCents, once: 'welcome' });
        return { id, name, cents: welcomeCents };
      });
      return reply.code(201).send(account);
    },
  );

  app.get('/accounts', { schema: { querystring: z.object({}) } }, async (request, reply) => {
    const { userId } = callerOf(request);
    return data.accounts.at(userId).list(timeLeft(reply));
  });

  app.post('/checkouts', { schema: { headers: keyed, body: basket } }, async (request, reply) => {
    const { userId: owner_id, region } = callerOf(request);
    const { account_id, item, pieces } = request.body;
    const account = await data.accounts.at(owner_id).get(account_id, timeLeft(reply));
    if (account === null) throw notFound('account');
    const price = await data.items.get(item, timeLeft(reply));
    const sale = `checkout:${request.headers['idempotency-key']}`;
    const wish = { item, pieces, checkout: `${owner_id}:${account_id}:${sale}` };
    const asking = () => ({ ...timeLeft(reply), requestId: request.id });
    const stock = await inventory.reserve(wish, asking());
    const charge = { owner_id, account_id, item, kind: 'checkout', region } as const;
    try {
      const receipt = await once(request, reply, async (trx) => {
        // The ledger and the reservation outlive the key.
        const sold = await entered(trx, owner_id, sale);
        if (sold && (sold.item !== item || sold.account_id !== account_id)) throw keyReused();
        const had = sold && stock instanceof Problem ? 'reserved' : stock;
        if (sold) return { id: sold.id, item, pieces, cents: -sold.cents, stock: had };
        if (stock instanceof Problem) throw stock;
        if (price === null) throw notFound('item');
        const cents = price.cents * pieces;
        const id = await enter(trx, { ...charge, cents: -cents, once: sale });
        return { id, item, pieces, cents, stock };
      });
      return reply.code(201).send(receipt);
    } catch (error) {
      const isRefused = error instanceof Problem || isConflict(error);
      if (isRefused && !(stock instanceof Problem)) await inventory.release(wish, asking());
      throw error;
    }
  });

  app.post('/transfers', { schema: { headers: keyed, body: transfer } }, async (request, reply) => {
    const { userId: owner_id, region } = callerOf(request);
    const { from, to, cents } = request.body;
    const common = { owner_id, kind: 'transfer', item: null, region } as const;
    const made = await once(request, reply, async (trx) => {
      await trx.accounts.getMany([from, to], { forUpdate: true });
      const out = await enter(trx, { ...common, account_id: from, cents: -cents });
      return { out, in: await enter(trx, { ...common, account_id: to, cents }) };
    });
    return reply.code(201).send(made);
  });

  app.get(
    '/accounts/:id/transactions',
    { schema: { params: whose, querystring: page } },
    async (request, reply) => {
      const { userId } = callerOf(request);
      const { limit, after } = request.query;
      return data.transactions.at(userId).query(
        `SELECT * FROM transactions
          WHERE owner_id = ? AND account_id = ? AND id > ? ORDER BY id LIMIT ?`,
        [userId, request.params.id, after, limit],
        { ...timeLeft(reply), schema: transactions.schema },
      );
    },
  );
}

const isConflict = (error: unknown) =>
  isMeridianError(error) && error.code === 'MERIDIAN_IDEMPOTENCY_CONFLICT';
