import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** In libuv's pool, so the event loop goes on. Costs as OWASP's password storage cheat sheet has them. */
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const cost = { N: 2 ** 14, r: 8, p: 5, maxmem: 64 * 1024 * 1024 };

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, 32, cost);
  return `${salt.toString('base64url')}.${hash.toString('base64url')}`;
}

/** Takes the same time when there is nobody to compare with. */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [salt = '', hash = ''] = (stored ?? nobody).split('.');
  const derived = await derive(password, Buffer.from(salt, 'base64url'), 32, cost);
  const isSame = timingSafeEqual(derived, Buffer.from(hash, 'base64url'));
  return isSame && stored !== undefined;
}

const nobody = `${'A'.repeat(22)}.${'A'.repeat(43)}`;
