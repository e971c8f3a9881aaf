import { MeridianError } from './meridian-error.ts';

/** One thing that is wrong with the options, the topology or the database's shape. */
export interface Problem {
  /** Where: `shards.eu-1.primary`, `tables.users.columns.id`. */
  readonly path: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

/**
 * The options, the topology, or what the databases hold do not fit together. Thrown before any
 * traffic, with every problem found at once.
 *
 * Code `MERIDIAN_CONFIG`; not retryable; nothing was applied.
 */
export class ConfigError extends MeridianError {
  readonly problems: readonly Problem[];

  constructor(subject: string, problems: readonly Problem[], options?: { cause?: unknown }) {
    const lines = problems.map(({ path, message }) => `  ${path ? `${path}: ` : ''}${message}`);
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    super(`${subject}: ${count}\n${lines.join('\n')}`, {
      code: 'MERIDIAN_CONFIG',
      context: { problems: problems.map(({ path }) => path) },
      cause: options?.cause,
    });
    this.problems = problems;
  }
}
