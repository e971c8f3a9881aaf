import type { NewPayment, NewUser, Payment, User } from './tables.ts';

/**
 * What the database said it has stored, and what nobody knows. The checks at the end hold the
 * database to it.
 */
export class Journal {
  /** By id, as acknowledged last. */
  readonly users = new Map<string, User>();
  readonly payments = new Map<string, Payment>();
  /** Writes that were sent and got no answer: each may be stored or not. */
  readonly unknownNames = new Map<string, string>();
  readonly unknownNewcomers: NewUser[] = [];
  readonly unknownPayments: NewPayment[] = [];

  keepUser(user: User): void {
    this.users.set(user.id, user);
  }

  keepName(id: string, name: string): void {
    const user = this.users.get(id);
    if (user !== undefined) this.users.set(id, { ...user, name });
  }

  keepPayment(payment: Payment): void {
    this.payments.set(payment.id, payment);
  }
}
