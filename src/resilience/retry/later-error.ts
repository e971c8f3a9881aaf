import { atOnce } from '../../errors/at-once.ts';
/**
 * The error of code that was to deal with another error: it is thrown as it is, and gets the first one
 * as its `cause` where it has none of its own, so that neither is lost.
 */
export function laterError(later: unknown, first: unknown): unknown {
  if (!(later instanceof Error) || 'cause' in later) return later;
  if (!Object.isExtensible(later) || leadsTo(first, later)) return later;
  Object.defineProperty(later, 'cause', {
    value: first,
    configurable: true,
    writable: true,
    enumerable: false,
  });
  return later;
}

/** A chain of causes must not become a ring. */
function leadsTo(error: unknown, target: Error): boolean {
  const seen = new Set<unknown>();
  for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
    if (at === target) return true;
    seen.add(at);
  }
  return false;
}

/** What a function of the caller's decides about an error. */
export function decided(
  decide: (error: unknown) => boolean,
  error: unknown,
  path: string,
): boolean {
  try {
    return atOnce(decide(error), path) === true;
  } catch (failure) {
    throw laterError(failure, error);
  }
}
