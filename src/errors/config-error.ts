import { MeridianError } from './meridian-error.ts';

/**
 * One thing that is wrong with the options, the topology or the database's shape.
 *
 * @see {@link ConfigError}
 */
export interface Problem {
  /** Where: `shards.eu-1.primary`, `tables.users.columns.id`. */
  readonly path: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

/** A message is read by people: the rest is in `problems`. */
const mostListed = 50;
const longestPath = 200;
/** Scripts that are to be run stand in messages, whole. */
const mostCharacters = 200_000;
const shortestMessage = 400;

/** Problems as lines of a message, as many and as long as somebody reads. */
export function listProblems(problems: readonly Problem[]): string {
  let left = mostCharacters;
  const lines = problems.slice(0, mostListed).map(({ path, message }) => {
    const where = path === '' ? '' : `${clipped(path, longestPath)}: `;
    const text = clipped(message, Math.max(left, shortestMessage));
    left -= text.length;
    return `  ${where}${text}`;
  });
  const more = problems.length - lines.length;
  return [...lines, ...(more > 0 ? [`  … and ${more} more`] : [])].join('\n');
}

/** The paths of as many problems as a message lists. */
export function listedPaths(problems: readonly Problem[]): string[] {
  return problems.slice(0, mostListed).map(({ path }) => clipped(path, longestPath));
}

/** A text of somebody else's, no longer than a message bears. */
function clipped(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/**
 * The options, the topology, or what the databases hold do not fit together. Thrown before any
 * traffic, with every problem found at once.
 *
 * Code `MERIDIAN_CONFIG`; not retryable; nothing was applied.
 *
 * @example
 * await createDataLayer(options).catch((error) => {
 *   if (error instanceof ConfigError) for (const { path, message } of error.problems) log.warn({ path }, message);
 *   throw error;
 * });
 */
export class ConfigError extends MeridianError {
  readonly problems: readonly Problem[];

  constructor(subject: string, problems: readonly Problem[], options?: { cause?: unknown }) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`${subject}: ${count}\n${listProblems(problems)}`, {
      code: 'MERIDIAN_CONFIG',
      context: { problems: listedPaths(problems) },
      cause: options?.cause,
    });
    this.problems = problems;
  }
}
