import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyTypeProvider,
  LogController,
  type RawServerDefault,
} from 'fastify';
import { z } from 'zod';
import { answerError, factsOf, notFound, Problem, sendProblem } from './problem.ts';
import { isSecret } from './secret.ts';
import { answerUnreadable } from './unreadable.ts';

/** A route's zod schemas give its handler the types. */
interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
}

export type Service = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypes
>;

export interface ServiceOptions {
  readonly name: string;
  readonly region: string;
  readonly logLevel: string;
  /** The header with a request's id, where whoever sets it is trusted. Default: each gets a new one. */
  readonly requestIdHeader?: string;
  /** Where the log goes. Default: to standard output. */
  readonly stream?: { write(line: string): void };
}

/** For a request to arrive, head and body. */
const requestMs = 10_000;
const maxBodyBytes = 64 * 1024;
/** For requests that were under way when the service was told to end. */
const longestEndMs = 6_000;

class OwnLines extends LogController {
  /** Too late for a problem: the status was sent before. */
  override streamError(error: Error, { log }: FastifyRequest): void {
    if (Reflect.get(error, 'code') === 'ERR_STREAM_PREMATURE_CLOSE') return;
    log.error(factsOf(error), 'The answer broke off');
  }
}

/** A web service of the shop: zod schemas, problem bodies, and a log without personal data. */
export function createService({
  name,
  region,
  logLevel,
  requestIdHeader,
  stream,
}: ServiceOptions): Service {
  const app = Fastify({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestMs,
    // Node holds a request to its time only if its head's is no longer, and looks every half minute.
    http: {
      requestTimeout: requestMs,
      headersTimeout: requestMs,
      connectionsCheckingInterval: 1_000,
    },
    exposeHeadRoutes: false,
    return503OnClosing: false,
    frameworkErrors: answerError,
    clientErrorHandler: answerUnreadable,
    logController: new OwnLines({ disableRequestLogging: true }),
    requestIdHeader: requestIdHeader ?? false,
    genReqId: () => randomUUID(),
    logger: { name: `${name}@${region}`, level: logLevel, ...(stream && { stream }) },
  }).withTypeProvider<ZodTypes>();
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (value) => {
    const { data, error } = schema.safeParse(value);
    return error ? { error } : { value: data };
  });
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((_, reply) => sendProblem(reply, notFound('page')));
  app.addHook('onRequest', async (_, reply) => {
    // Tokens and people's data: nobody between may keep them. RFC 6749, 5.1.
    reply.header('cache-control', 'no-store');
  });
  app.addHook('onResponse', async ({ id, method, routeOptions }, reply) => {
    const { statusCode: status, elapsedTime } = reply;
    app.log.info({ id, method, route: routeOptions.url, status, ms: Math.round(elapsedTime) });
  });
  return app;
}

/** Refuses whoever is not the gateway: what it says about callers is believed. */
export function onlyFromGateway(app: Service, gatewayKey: string): void {
  app.addHook('onRequest', async ({ headers, routeOptions }) => {
    if (routeOptions.config.open || isSecret(headers['x-gateway-key'], gatewayKey)) return;
    throw new Problem(403, 'not-the-gateway', 'Only the gateway may ask this');
  });
}

const deadlineHeader = z.coerce.number().positive().catch(2_000);

/** What is left of the time that the gateway gave the request. */
export function timeLeft(reply: FastifyReply): { readonly timeoutMs: number } {
  const givenMs = deadlineHeader.parse(reply.request.headers['x-deadline-ms']);
  return { timeoutMs: Math.max(1, givenMs - reply.elapsedTime) };
}

/** Listens until the process is told to end, or whoever started it has ended; then finishes its work. */
export async function serve(app: Service, port: number, close: () => Promise<unknown>) {
  app.addHook('onClose', async () => {
    await close();
  });
  const end = () => {
    void app.close();
    setTimeout(() => app.server.closeAllConnections(), longestEndMs).unref();
  };
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.once(event, end);
  // It must not keep a process alive that has nothing left to do.
  process.channel?.unref();
  process.send?.({ url: await app.listen({ host: '127.0.0.1', port }) });
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without the gateway: probes, and what is public anyway. */
    readonly open?: boolean;
  }
}
