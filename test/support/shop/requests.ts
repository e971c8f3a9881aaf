import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Answer, Client } from '../../../examples/shop/local/client.ts';
import { newPhone } from './visitors.ts';

export interface Caller {
  readonly token: string;
  readonly account: string;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly as?: Caller;
}

/** Of the right form, and signed by nobody. */
const unknownToken = `${encode({ alg: 'ES256', typ: 'JWT', kid: 'key-1' })}.${encode({ sub: randomUUID() })}.${'x'.repeat(86)}`;

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export const password = 'correct horse battery';

/** One request of each kind that takes something, such as it should be. */
export function goodRequests(buyer: Caller, support: Caller) {
  return {
    register: {
      method: 'POST',
      path: '/users',
      body: { country: 'DE', name: 'Ada', phone: newPhone(), password },
    },
    'log in': { method: 'POST', path: '/sessions', body: { phone: newPhone(), password } },
    refresh: {
      method: 'POST',
      path: '/tokens',
      body: { refresh_token: unknownToken },
    },
    rename: { method: 'PATCH', path: '/profile', body: { name: 'Ada' }, as: buyer },
    move: {
      method: 'POST',
      path: `/users/${randomUUID()}/relocation`,
      body: { country: 'JP' },
      as: support,
    },
    'open an account': { method: 'POST', path: '/accounts', body: { name: 'purse' }, as: buyer },
    'check out': {
      method: 'POST',
      path: '/checkouts',
      body: { account_id: buyer.account, item: 'tea', pieces: 1 },
      as: buyer,
    },
    transfer: {
      method: 'POST',
      path: '/transfers',
      body: { from: buyer.account, to: randomUUID(), cents: 1 },
      as: buyer,
    },
    history: {
      method: 'GET',
      path: `/accounts/${buyer.account}/transactions`,
      query: { limit: '10', after: randomUUID() },
      as: buyer,
    },
    richest: {
      method: 'GET',
      path: '/analytics/accounts/top',
      query: { limit: '5' },
      as: support,
    },
  } satisfies Record<string, Request>;
}

export type RequestName = keyof ReturnType<typeof goodRequests>;

export function send(client: Client, request: Request, headers = {}): Promise<Answer> {
  const { method, path, query, body, as } = request;
  const search = query ? `?${new URLSearchParams(query)}` : '';
  return client.ask(method, path + search, body, { ...(as && { token: as.token }), headers });
}

/** What the client is told is its own fault, in the form that all problems have. */
export function expectProblem({ status, headers, body }: Answer, expected?: number): void {
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  if (expected !== undefined) expect(status).toBe(expected);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(body).toMatchObject({
    type: expect.stringMatching(/^urn:shop:problem:/),
    title: expect.any(String),
    status,
    instance: expect.stringMatching(/^urn:shop:request:[\da-f-]{36}$/),
  });
}
