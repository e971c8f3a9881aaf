import { createHash, randomBytes } from 'node:crypto';
import { importJWK, type JWK, SignJWT } from 'jose';
import type { CallOptions, Row } from 'meridian';
import { Problem } from '../platform/problem.ts';
import type { Data, sessions, users } from './tables.ts';

const accessSeconds = 600;
const sessionMs = 30 * 24 * 3_600_000;

/** Signs with the first key; all are published, so that a new first one is known before it signs. */
export class Tokens {
  readonly #data: Data;
  readonly #keys: readonly JWK[];

  constructor(data: Data, keys: readonly JWK[]) {
    this.#data = data;
    this.#keys = keys;
  }

  get published(): { keys: JWK[] } {
    return { keys: this.#keys.map(({ d: _, ...open }) => ({ ...open, alg: 'ES256', use: 'sig' })) };
  }

  /** A new device. */
  async begin(user: Row<typeof users>, call: CallOptions) {
    const secret = newSecret();
    const session = await this.#data.sessions.insert(
      { user_id: user.id, secret: hashOf(secret), expires_at: new Date(Date.now() + sessionMs) },
      call,
    );
    return this.#pair(user, session.id, secret);
  }

  /** A refresh token counts once. Who brings an old one has stolen it, or was stolen from: it all ends. */
  async rotate(refreshToken: string, call: CallOptions) {
    const [id = '', old = ''] = refreshToken.split('.');
    const session = await this.#data.sessions.get(id, call);
    if (session === null || session.expires_at < new Date()) throw invalid();
    const user = await this.#data.users.get(session.user_id, call);
    if (user === null) throw invalid();
    const secret = newSecret();
    if (!(await this.#swap(session, hashOf(old), hashOf(secret), call))) {
      await this.#data.sessions.delete(id, call);
      throw invalid();
    }
    return this.#pair(user, id, secret);
  }

  async #swap({ id, user_id }: Row<typeof sessions>, from: string, to: string, call: CallOptions) {
    const { affected } = await this.#data.sessions
      .at(user_id)
      .execute(
        'UPDATE sessions SET secret = ? WHERE id = ? AND user_id = ? AND secret = ?',
        [to, id, user_id, from],
        { ...call, touches: 'none' },
      );
    return affected === 1;
  }

  async #pair({ id, role, country }: Row<typeof users>, session: string, secret: string) {
    const [key] = this.#keys;
    if (key?.kid === undefined) throw new TypeError('a signing key needs a kid');
    const access = await new SignJWT({ role, country })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid })
      .setSubject(id)
      .setIssuer('shop')
      .setAudience('shop-gateway')
      .setIssuedAt()
      .setNotBefore('0s')
      .setExpirationTime(`${accessSeconds}s`)
      .sign(await importJWK(key, 'ES256'));
    return {
      access_token: access,
      refresh_token: `${session}.${secret}`,
      token_type: 'Bearer',
      expires_in: accessSeconds,
    };
  }
}

const newSecret = () => randomBytes(32).toString('base64url');
const hashOf = (secret: string) => createHash('sha256').update(secret).digest('hex');
const invalid = () => new Problem(401, 'invalid-token', 'Log in again');
