import Fastify, { type FastifyInstance } from 'fastify';
import { type DataLayer, httpStatusOf } from 'meridian';
import { z } from 'zod';
import { type tables, users } from './tables.ts';

const NewUser = users.schema.omit({ id: true });
const Changes = users.schema.pick({ name: true });
const ById = z.object({ id: z.uuid() });

export function createApp(data: DataLayer<typeof tables>): FastifyInstance {
  const app = Fastify({ logger: true });

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof z.ZodError) {
      return reply.code(400).send({ errors: z.flattenError(error).fieldErrors });
    }
    const http = httpStatusOf(error);
    if (http === undefined) return reply.send(error);
    if (http.status >= 500) request.log.error(error);
    if (http.retryAfter !== undefined) reply.header('retry-after', http.retryAfter);
    return reply.code(http.status).send({ error: http.status });
  });

  app.get('/livez', () => ({ alive: true }));
  app.get('/readyz', (_, reply) => {
    const { ready } = data.health();
    return reply.code(ready ? 200 : 503).send({ ready });
  });

  app.post('/users', async ({ body }, reply) => {
    const user = await data.users.insert(NewUser.parse(body));
    return reply.code(201).header('location', `/users/${user.id}`).send(user);
  });

  app.get('/users/:id', async ({ params }, reply) => {
    const user = await data.users.get(ById.parse(params).id);
    return user ?? reply.code(404).send({ error: 404 });
  });

  app.patch('/users/:id', async ({ params, body }, reply) => {
    const { affected } = await data.users.update(ById.parse(params).id, Changes.parse(body));
    return reply.code(affected === 0 ? 404 : 204).send();
  });

  return app;
}
