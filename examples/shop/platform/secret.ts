import { timingSafeEqual } from 'node:crypto';

/** Takes as long for a good guess as for a bad one. */
export function isSecret(given: unknown, secret: string): boolean {
  const [a, b] = [Buffer.from(String(given)), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}
