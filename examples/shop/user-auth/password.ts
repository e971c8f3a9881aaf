import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { dictionary, adjacencyGraphs as graphs } from '@zxcvbn-ts/language-common';
import { createGuard } from 'meridian/resilience';

const guesses = new ZxcvbnFactory({ dictionary, graphs });
/** Not among what is tried first: common ones, runs, repetitions. ASVS 5.0, 6.2. */
export const isHardToGuess = (password: string) => guesses.check(password).score >= 3;

/** In libuv's pool, so the event loop goes on. Costs as OWASP's password storage cheat sheet has them. */
const hash = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);
const cost = { N: 2 ** 14, r: 8, p: 5, maxmem: 64 * 1024 * 1024 };

/** A flood of logins is turned away while the others are served. */
const guard = createGuard('passwords', { concurrency: 4, timeoutMs: 4_000 });
const derive = (password: string, salt: Buffer) => guard.run(() => hash(password, salt, 32, cost));

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const derived = await derive(password, salt);
  return `${salt.toString('base64url')}.${derived.toString('base64url')}`;
}

/** Takes the same time when there is nobody to compare with. */
export async function isPassword(password: string, stored = nobody): Promise<boolean> {
  const [salt = '', derived = ''] = stored.split('.');
  const given = await derive(password, Buffer.from(salt, 'base64url'));
  return timingSafeEqual(given, Buffer.from(derived, 'base64url')) && stored !== nobody;
}

const nobody = `${'A'.repeat(22)}.${'A'.repeat(43)}`;
