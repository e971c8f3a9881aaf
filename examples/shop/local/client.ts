import { randomUUID } from 'node:crypto';
import { z } from 'zod';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The JSON of the body. */
  readonly body: unknown;
}

export interface Ask {
  readonly token?: string;
  /** Drawn anew where it is not given. */
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const created = z.object({ id: z.string() });
const tokens = z.object({ access_token: z.string(), refresh_token: z.string() });

/** A visitor's browser, at one of the gateways. */
export class Client {
  readonly #gateway: string;

  constructor(gateway: string) {
    this.#gateway = gateway;
  }

  async ask(method: string, path: string, body?: unknown, ask: Ask = {}): Promise<Answer> {
    const response = await fetch(this.#gateway + path, {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(ask.token !== undefined && { authorization: `Bearer ${ask.token}` }),
        'idempotency-key': ask.key ?? randomUUID(),
        ...ask.headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status, headers } = response;
    const isJson = headers.get('content-type')?.includes('json');
    return { status, headers, text, body: isJson ? JSON.parse(text) : undefined };
  }

  /** Registers somebody and logs them in. */
  async join(user: { country: string; phone: string; name: string; password: string }) {
    const { id } = created.parse(expectStatus(await this.ask('POST', '/users', user), 201));
    return { id, ...(await this.logIn(user)) };
  }

  async logIn({ phone, password }: { phone: string; password: string }) {
    const answer = await this.ask('POST', '/sessions', { phone, password });
    const { access_token: token, refresh_token: refreshToken } = tokens.parse(
      expectStatus(answer, 201),
    );
    return { token, refreshToken };
  }

  async openAccount(token: string, name: string): Promise<string> {
    return created.parse(
      expectStatus(await this.ask('POST', '/accounts', { name }, { token }), 201),
    ).id;
  }
}

function expectStatus({ status, body, text }: Answer, expected: number): unknown {
  if (status !== expected) throw new Error(`expected ${expected}, got ${status}: ${text}`);
  return body;
}
