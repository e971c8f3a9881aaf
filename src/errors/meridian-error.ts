/**
 * What a failed call did to the data.
 *
 * - `applied`: the change is committed, although the call failed.
 * - `not-applied`: nothing was changed, so the same call may be made again.
 * - `unknown`: the reply was lost after the statement was sent; only the database knows.
 *
 * @example
 * const outcome: Outcome = isMeridianError(error) ? error.outcome : 'unknown';
 */
export type Outcome = 'applied' | 'not-applied' | 'unknown';

/** Whether a statement that was given up is known to be over, or only nobody asks of it any more. */
export type Ended = 'over' | 'given-up';

/** Facts for logs and dashboards: names and numbers, never parameters, credentials or row data. */
export type ErrorContext = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>;

export interface MeridianErrorOptions {
  readonly code: ErrorCode;
  readonly retryable?: boolean;
  readonly outcome?: Outcome;
  readonly context?: ErrorContext;
  readonly cause?: unknown;
  /** See {@link MeridianError.ended}. */
  readonly ended?: Promise<Ended> | undefined;
}

/**
 * A stable error code; `docs/errors.md` lists each one with its cause and cure.
 *
 * @example
 * const quiet: ErrorCode[] = ['MERIDIAN_ABORTED', 'MERIDIAN_CLOSED'];
 */
export type ErrorCode = `MERIDIAN_${Uppercase<string>}`;

/** Lets `ended` of an error resolve later: what must be done before its caller reads the row back. */
export let delayEnded: (error: MeridianError, ended: Promise<Ended>) => void;

// Symbol.for, so that an ESM and a CommonJS copy of the package recognise each other's errors.
const brand = Symbol.for('meridian.error');

/**
 * The base of every error that Meridian throws. The message says what happened and what to do.
 *
 * `instanceof` works within one copy of the package; across copies (ESM and CommonJS, two
 * versions) use {@link isMeridianError}.
 *
 * @example
 * if (error instanceof MeridianError) log.warn({ code: error.code, outcome: error.outcome }, error.message);
 */
export class MeridianError extends Error {
  readonly [brand] = true;
  /** Stable, machine-readable, listed in `docs/errors.md`. */
  readonly code: ErrorCode;
  /** `true` when the same call may succeed later and repeating it cannot apply anything twice. */
  readonly retryable: boolean;
  /** What the failed call did to the data. */
  readonly outcome: Outcome;
  /** Facts for logs: shard, table, slot and the like. Never parameters, credentials or rows. */
  readonly context: ErrorContext;
  #ended: Promise<Ended> | undefined;

  static {
    delayEnded = (error, ended) => {
      // Errors of another copy of the package keep theirs.
      if (#ended in error) error.#ended = ended;
    };
  }

  constructor(message: string, options: MeridianErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = nameOf(options.code);
    this.code = options.code;
    this.retryable = options.retryable ?? false;
    this.outcome = options.outcome ?? 'not-applied';
    this.context = options.context ?? {};
    this.#ended = options.ended;
  }

  /**
   * Of an `unknown` outcome whose statement may still run on its server: resolves, and never rejects, with
   * `over` once the server says that it is committed or rolled back. Read the row back after that, not
   * before. With `given-up` when nobody asks any more: the data layer was closed, or the server did not
   * answer for ten minutes. Undefined where it was over already when the error was thrown.
   */
  get ended(): Promise<Ended> | undefined {
    return this.#ended;
  }

  /** What a JSON logger writes: no stack, no cause, nothing that may hold a secret. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, retryable, outcome, context } = this;
    return { name, code, message, retryable, outcome, context };
  }
}

/** The name of an error's class, which a bundler that shortens names would not keep: `MERIDIAN_ROLLED_BACK`. */
function nameOf(code: ErrorCode): string {
  if (code === 'MERIDIAN_ROW_INVALID') return 'RowError';
  const words = code.split('_').slice(1);
  const name = words.map((word) => word.slice(0, 1) + word.slice(1).toLowerCase()).join('');
  return `${name}Error`;
}

/**
 * Whether a value is a Meridian error, whichever copy of the package threw it.
 *
 * @example
 * if (isMeridianError(error) && error.retryable) scheduleAgain();
 */
export function isMeridianError(value: unknown): value is MeridianError {
  return typeof value === 'object' && value !== null && brand in value;
}
