import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Problem } from './problem.ts';

export const roles = ['customer', 'support'] as const;

/** Whom the gateway has recognised. */
const callerHeaders = z.object({
  'x-user-id': z.uuid(),
  'x-user-role': z.enum(roles),
  'x-region': z.string(),
});

export interface Caller {
  readonly userId: string;
  readonly role: (typeof roles)[number];
  /** The region that the gateway found nearest. */
  readonly region: string;
}

export function callerOf({ headers }: { readonly headers: object }): Caller {
  const { data } = callerHeaders.safeParse(headers);
  if (data === undefined) throw new Problem(401, 'who-are-you', 'Log in first');
  return { userId: data['x-user-id'], role: data['x-user-role'], region: data['x-region'] };
}

export function supportOnly(request: FastifyRequest): void {
  if (callerOf(request).role === 'support') return;
  throw new Problem(403, 'support-only', 'Only support staff may do this');
}
