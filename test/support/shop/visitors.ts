import { importJWK, type JWK, SignJWT } from 'jose';
import { Client } from '../../../examples/shop/local/client.ts';
import type { Shop } from '../../../examples/shop/local/shop.ts';

export interface TokenParts {
  readonly sub: string;
  readonly role?: string;
  readonly country?: string;
  readonly audience?: string;
  readonly issuer?: string;
  readonly kid?: string;
  /** Seconds from now, as the next two are. */
  readonly issued?: number;
  readonly notBefore?: number;
  readonly expires?: number;
}

/** An access token such as user-auth makes them, or one that differs in some part. */
export async function tokenOf(key: JWK, parts: TokenParts): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ role: parts.role ?? 'customer', country: parts.country ?? 'DE' })
    .setProtectedHeader({ alg: 'ES256', kid: parts.kid ?? key.kid ?? '' })
    .setSubject(parts.sub)
    .setIssuer(parts.issuer ?? 'shop')
    .setAudience(parts.audience ?? 'shop-gateway')
    .setIssuedAt(now + (parts.issued ?? 0))
    .setNotBefore(now + (parts.notBefore ?? parts.issued ?? 0))
    .setExpirationTime(now + (parts.expires ?? 600))
    .sign(await importJWK(key, 'ES256'));
}

let lastPhone = 0;
export const newPhone = () => `+4930${String(++lastPhone).padStart(8, '0')}`;

/** Somebody who is logged in and has an account, without the time that a password takes. */
export async function newBuyer(shop: Shop, role: 'customer' | 'support' = 'customer') {
  const row = { country: 'DE', phone: newPhone(), name: 'Buyer', role } as const;
  const { id } = await shop.data.users.insert(row);
  const token = await tokenOf(shop.signingKey, { sub: id, role });
  const account = await new Client(shop.gateways.eu).openAccount(token, 'purse');
  return { id, token, account };
}

/** What the database says that an account holds, and what its transactions sum up to. */
export async function balanceOf(shop: Shop, owner: string, account: string) {
  const { at } = shop.data.accounts;
  const [held] = await at(owner).query('SELECT cents FROM accounts WHERE id = ?', [account]);
  const [entered] = await at(owner).query(
    'SELECT SUM(cents) AS cents FROM transactions WHERE owner_id = ? AND account_id = ?',
    [owner, account],
  );
  return { held: Number(held?.cents), entered: Number(entered?.cents) };
}
