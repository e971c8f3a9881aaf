import { type ArgumentsHost, Catch, HttpException, Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { httpStatusOf } from 'meridian';
import { z } from 'zod';

/** Answers errors of Meridian and of zod; all others are Nest's. */
@Catch()
export class MeridianErrorFilter extends BaseExceptionFilter {
  readonly #logger = new Logger('Meridian');

  override catch(error: unknown, host: ArgumentsHost): void {
    if (error instanceof z.ZodError) {
      super.catch(new HttpException({ errors: z.flattenError(error).fieldErrors }, 400), host);
      return;
    }
    const http = httpStatusOf(error);
    if (http === undefined) {
      super.catch(error, host);
      return;
    }
    if (http.status >= 500) this.#logger.error(JSON.stringify(error));
    if (http.retryAfter !== undefined) {
      const reply = host.switchToHttp().getResponse<FastifyReply>();
      reply.header('retry-after', http.retryAfter);
    }
    super.catch(new HttpException({ error: http.status }, http.status), host);
  }
}
