import { randomUUID } from 'node:crypto';
import type { CallOptions, Row } from 'meridian';
import { Problem } from '../platform/problem.ts';
import type { Signer } from '../platform/signing.ts';
import type { Data, sessions, users } from './tables.ts';

const accessSeconds = 600;
const sessionSeconds = 30 * 24 * 3_600;
const forRefreshing = 'shop-refresh';

export class Tokens {
  readonly #data: Data;
  readonly #signer: Signer;

  constructor(data: Data, signer: Signer) {
    this.#data = data;
    this.#signer = signer;
  }

  /** A new device. */
  async begin(user: Row<typeof users>, call: CallOptions) {
    const secret = randomUUID();
    const expires_at = new Date(Date.now() + sessionSeconds * 1_000);
    const session = await this.#data.sessions.insert(
      { user_id: user.id, secret, expires_at },
      call,
    );
    return this.#pair(user, session.id, secret);
  }

  /**
   * A refresh token counts once. Who brings an old one has stolen it, or was stolen from: it all ends.
   * One that was never given out ends nothing.
   */
  async rotate(refreshToken: string, call: CallOptions) {
    const claims = await this.#signer.read(refreshToken, forRefreshing).catch(refuse);
    const { sub: id = '', jti: old = '' } = claims;
    const session = await this.#data.sessions.get(id, call);
    if (session === null || session.expires_at < new Date()) return refuse();
    const user = await this.#data.users.get(session.user_id, { ...call, consistency: 'primary' });
    if (user === null) return refuse();
    const secret = randomUUID();
    if (!(await this.#swap(session, old, secret, call))) {
      await this.#data.sessions.delete(id, call);
      return refuse();
    }
    return this.#pair(user, id, secret);
  }

  async #swap({ id, user_id }: Row<typeof sessions>, from: string, to: string, call: CallOptions) {
    const sql = 'UPDATE sessions SET secret = ? WHERE id = ? AND secret = ? AND user_id = ?';
    const own = this.#data.sessions.at(user_id);
    const options = { ...call, touches: 'none' } as const;
    return (await own.execute(sql, [to, id, from, user_id], options)).affected === 1;
  }

  async #pair({ id, role, country }: Row<typeof users>, session: string, jti: string) {
    const sign = this.#signer.sign.bind(this.#signer);
    return {
      access_token: await sign({ sub: id, role, country }, 'shop-gateway', accessSeconds),
      refresh_token: await sign({ sub: session, jti }, forRefreshing, sessionSeconds),
      token_type: 'Bearer',
      expires_in: accessSeconds,
    };
  }
}

const refuse = (cause?: unknown): never => {
  throw new Problem(401, 'invalid-token', 'Log in again', {}, cause);
};
