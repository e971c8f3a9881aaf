import { TestingError } from '../testing-error.ts';

/**
 * A fault of a proxy that is switched on.
 *
 * @example
 * const fault: Fault = proxy.latency(200, 50);
 * fault.undo();
 */
export interface Fault {
  /** Switches this fault off; does nothing when it was switched off or replaced before. */
  undo(): void;
}

/**
 * A fault that waits for its occasion and happens once.
 *
 * @example
 * const fault: AwaitedFault = proxy.dropNextCommitReply();
 * await fault.happened;
 */
export interface AwaitedFault extends Fault {
  /**
   * Resolves with the statement whose reply was dropped. Rejects with a TestingError when that can
   * no longer happen: the fault was undone, the proxy closed, or the server ended before it replied.
   */
  readonly happened: Promise<string>;
}

/**
 * Seen from the proxy: what the client sends, or what the server replies.
 *
 * @example
 * const direction: Direction = 'toClient';
 * proxy.cutAfter(1_000, direction);
 */
export type Direction = 'toServer' | 'toClient';

/**
 * Which statement's reply is to be dropped. Text is compared without surrounding spaces.
 *
 * @example
 * const pattern: StatementPattern = /^UPDATE users/;
 * proxy.dropReplyTo(pattern);
 */
export type StatementPattern = RegExp | ((statement: string) => boolean);

/** An armed {@link AwaitedFault}. */
export interface ReplyDrop {
  matches(statement: string): boolean;
  resolve(statement: string): void;
  reject(error: TestingError): void;
}

interface Settings {
  latency?: { readonly ms: number; readonly jitterMs: number };
  bandwidth?: { readonly bytesPerSecond: number };
  blackHole?: Record<never, never>;
  refuse?: Record<never, never>;
  cut?: { readonly bytes: number; readonly direction: Direction | undefined };
}

/** The faults that are switched on at one proxy. Connections read it, and are told of changes. */
export class ChaosFaults {
  readonly #settings: Settings = {};
  readonly #drops = new Set<ReplyDrop>();
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get settings(): Readonly<Settings> {
    return this.#settings;
  }

  set<K extends keyof Settings>(kind: K, setting: Required<Settings>[K]): Fault {
    this.#settings[kind] = setting;
    this.#changed();
    const undo = () => {
      if (this.#settings[kind] !== setting) return;
      delete this.#settings[kind];
      this.#changed();
    };
    return { undo };
  }

  dropReplyTo(pattern: StatementPattern): AwaitedFault {
    let undo = () => {};
    const happened = new Promise<string>((resolve, reject) => {
      const drop: ReplyDrop = {
        // search(), because test() of a global RegExp remembers where it was.
        matches: (text) =>
          typeof pattern === 'function' ? pattern(text) : text.search(pattern) !== -1,
        resolve,
        reject,
      };
      this.#drops.add(drop);
      undo = () => this.#abandon(drop, 'The fault was undone before a statement matched.');
    });
    // Whoever awaits it gets the rejection; a test that does not must not fail by it.
    happened.catch(() => undefined);
    return { happened, undo: () => undo() };
  }

  /** The armed drop that this statement is the occasion of; it is armed no more. */
  takeDropFor(statement: string): ReplyDrop | undefined {
    const text = statement.trim();
    for (const drop of this.#drops) {
      if (!drop.matches(text)) continue;
      this.#drops.delete(drop);
      return drop;
    }
    return undefined;
  }

  abandonDrops(reason: string): void {
    for (const drop of this.#drops) this.#abandon(drop, reason);
  }

  heal(): void {
    for (const kind of ['latency', 'bandwidth', 'blackHole', 'refuse', 'cut'] as const) {
      delete this.#settings[kind];
    }
    this.abandonDrops('The proxy was healed before a statement matched.');
    this.#changed();
  }

  #abandon(drop: ReplyDrop, reason: string): void {
    if (this.#drops.delete(drop)) drop.reject(new TestingError(reason));
  }
}
