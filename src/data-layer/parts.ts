import { ClosedError } from '../errors/call-error.ts';

/** A part of a data layer that holds connections, timers or work, and can give them back. */
export interface Part {
  /** Resolves when nothing of it is open or under way any more. */
  close(): Promise<void> | void;
}

/** The parts of a data layer that are open, in the order in which each builds upon those before it. */
export class Parts {
  readonly #open: Part[] = [];
  #closing: Promise<void> | undefined;

  /**
   * Takes in a part: from here on it is closed with the others, before those that it builds upon.
   *
   * @throws {ClosedError} once closing has begun; the part is closed then.
   */
  add<P extends Part>(part: P): P {
    this.#open.push(part);
    return this.#admitted(part);
  }

  /**
   * Takes in a part that those before it need while they close: it is closed after all of them.
   *
   * @throws as {@link add}.
   */
  addBeneath<P extends Part>(part: P): P {
    this.#open.unshift(part);
    return this.#admitted(part);
  }

  #admitted<P extends Part>(part: P): P {
    if (this.#closing === undefined) return part;
    this.#closing = this.#closing.finally(() => this.#closeAll());
    throw new ClosedError('The data layer is closed.');
  }

  /**
   * Closes every part, the newest first, each after the one before it has closed or failed to.
   *
   * @throws the first failure.
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#open.pop(); part !== undefined; part = this.#open.pop()) {
      try {
        await part.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
