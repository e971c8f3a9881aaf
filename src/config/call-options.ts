import { ConfigError } from '../errors/config-error.ts';
import { didYouMean } from './did-you-mean.ts';

/**
 * Refuses options of a call that nobody knows: one that is mistyped would be as if it were not given.
 *
 * @throws {ConfigError} that names each, and which known one was probably meant.
 */
export function checkCallOptions(options: object, known: ReadonlySet<string>): void {
  for (const name in options) if (!known.has(name)) throw unknownOptions(options, known);
}

function unknownOptions(options: object, known: ReadonlySet<string>): ConfigError {
  // The first few say enough: what is near is looked for among all that are known.
  const unknown = Object.keys(options)
    .filter((name) => !known.has(name))
    .slice(0, 10);
  return new ConfigError(
    'Bad call options',
    unknown.map((path) => ({
      path: path.slice(0, 64),
      message: `unknown option${didYouMean(path.slice(0, 64), known) || `; known: ${[...known].join(', ')}`}`,
    })),
  );
}
