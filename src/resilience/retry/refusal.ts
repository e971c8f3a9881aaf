const writable = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/**
 * Makes an error without a stack. A refusal is made thousands of times a second just when there is no
 * time to lose, always at the same place; capturing its stack would be most of its cost.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  if (!writable) return make();
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
