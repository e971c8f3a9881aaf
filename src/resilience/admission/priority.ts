/**
 * How much a call matters where there is not room for all: `sheddable` calls are refused first,
 * `critical` ones go first and last.
 *
 * @example
 * const priority: Priority = isPayment ? 'critical' : 'sheddable';
 * await data.users.get(id, { priority });
 */
export type Priority = 'critical' | 'default' | 'sheddable';

/** The most important first. */
export const priorities: readonly Priority[] = ['critical', 'default', 'sheddable'];

/** Whether one matters more than another. */
export function isBefore(one: Priority, other: Priority): boolean {
  return one !== other && priorities.indexOf(one) < priorities.indexOf(other);
}
