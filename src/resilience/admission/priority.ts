/**
 * How much a call matters where there is not room for all: `sheddable` calls are refused first,
 * `critical` ones go first and last.
 */
export type Priority = 'critical' | 'default' | 'sheddable';

/** The most important first. */
export const priorities: readonly Priority[] = ['critical', 'default', 'sheddable'];

/** Whether one matters more than another. */
export function isBefore(one: Priority, other: Priority): boolean {
  return one !== other && priorities.indexOf(one) < priorities.indexOf(other);
}
