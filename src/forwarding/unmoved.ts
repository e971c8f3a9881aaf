import type { Route } from '../routing/route.ts';
import type { Forwarding } from './forwarding.ts';
import type { Forwardable } from './redirects.ts';

/** What finds rows; where owners never move, in hash keyspaces, they are where their ids say. */
export type Whereabouts = Pick<
  Forwarding,
  | 'start'
  | 'locatorsOf'
  | 'next'
  | 'nextMany'
  | 'redirect'
  | 'locate'
  | 'end'
  | 'follow'
  | 'check'
  | 'afterRefusal'
  | 'hasRefused'
  | 'mayHaveRefused'
>;

const nowhere = Promise.resolve(undefined);
const none: ReadonlyMap<Forwardable, Route> = new Map();

/** Stands for {@link Forwarding} where owners never move: everything is at home, and nothing is asked. */
export const unmoved = {
  mayMove: false,
  start: (_, home) => home,
  locatorsOf: (_, { locator }) => [locator],
  next: () => nowhere,
  nextMany: async () => none,
  redirect: () => nowhere,
  locate: async (_, home) => home,
  end: async (_, from) => from,
  follow: (_, home, __, work) => work(home),
  check: (_, home, __, read) => read(home),
  afterRefusal: async (_, route) => route,
  hasRefused: () => false,
  mayHaveRefused: () => false,
} as const satisfies Whereabouts & { readonly mayMove: false };
