import { isCountry } from 'meridian/sharding';
import { z } from 'zod';
import { callerOf, supportOnly } from '../platform/caller.ts';
import { limitAttempts } from '../platform/limit.ts';
import { notFound, Problem } from '../platform/problem.ts';
import { type Service, timeLeft } from '../platform/service.ts';
import type { Signer } from '../platform/signing.ts';
import { hashPassword, isHardToGuess, isPassword } from './password.ts';
import type { Data } from './tables.ts';
import { Tokens } from './tokens.ts';

const country = z.string().refine(isCountry, 'There is no such country');
const name = z.string().trim().min(1).max(100);
const length = z.string().min(10, { abort: true }).max(200, { abort: true });
const password = length.refine(isHardToGuess, 'It is easy to guess');
const phone = z.e164();

const newUser = z.strictObject({ country, name, phone, password });
const login = z.strictObject({ phone, password: z.string().max(200) });
const refresh = z.strictObject({ refresh_token: z.jwt().max(1_000) });
const profile = z.strictObject({ name });
const place = z.strictObject({ country });
const whom = z.object({ id: z.uuid() });
const nothing = z.object({});

export async function addRoutes(app: Service, data: Data, signer: Signer, redisUrl: string) {
  const tokens = new Tokens(data, signer);
  const preHandler = await limitAttempts(app, redisUrl, ({ body }) => Object(body).phone);

  app.post('/users', { schema: { body: newUser } }, async ({ body }, reply) => {
    const { password, ...row } = body;
    const secret = await hashPassword(password);
    const user = { ...row, role: 'customer' as const };
    const id = data.users.newId(user);
    await data.users.at(id).transaction(async (trx) => {
      await trx.users.insert({ ...user, id });
      await trx.credentials.insert({ user_id: id, password: secret });
    }, timeLeft(reply));
    return reply.code(201).send({ id });
  });

  app.post('/sessions', { schema: { body: login }, preHandler }, async ({ body }, reply) => {
    const newest = { ...timeLeft(reply), consistency: 'primary' } as const;
    const user = await data.users.by('phone', body.phone).get(newest);
    const known = user && (await data.credentials.get(user.id, timeLeft(reply)));
    const isRight = await isPassword(body.password, known?.password);
    if (!user || !isRight) throw new Problem(401, 'wrong', 'The phone or the password is wrong');
    return reply.code(201).send(await tokens.begin(user, timeLeft(reply)));
  });

  app.post('/tokens', { schema: { body: refresh } }, async ({ body }, reply) =>
    tokens.rotate(body.refresh_token, timeLeft(reply)),
  );

  app.get('/profile', { schema: { querystring: nothing } }, async (request, reply) => {
    const { userId } = callerOf(request);
    return (await data.users.get(userId, timeLeft(reply))) ?? Promise.reject(notFound('user'));
  });

  app.patch('/profile', { schema: { body: profile } }, async (request, reply) => {
    const { userId } = callerOf(request);
    const { affected } = await data.users.update(userId, request.body, timeLeft(reply));
    if (affected === 0) throw notFound('user');
    return reply.code(204).send();
  });

  app.post(
    '/users/:id/relocation',
    { schema: { params: whom, body: place }, onRequest: async (request) => supportOnly(request) },
    async ({ params, body }, reply) => {
      const { from, to } = await data.users.relocate(params.id, body, timeLeft(reply));
      return { from, to };
    },
  );

  app.get(
    '/jwks',
    { config: { open: true }, schema: { querystring: nothing } },
    async () => signer.published,
  );
}
