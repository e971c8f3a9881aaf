import { RoutingError } from '../../errors/routing-error.ts';

/**
 * Refuses numbers that a code, slot or locator cannot be.
 *
 * @param count how many values there are, from 0.
 * @throws RoutingError
 */
export function assertWithin(what: string, value: number, count: number): void {
  if (Number.isInteger(value) && value >= 0 && value < count) return;
  throw new RoutingError(`${what} is an integer from 0 to ${count - 1}, not ${value}.`);
}
