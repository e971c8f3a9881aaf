/**
 * A promise that knows whether anybody has asked what became of it. Its rejection has an owner, the one
 * who made it: it never counts as unhandled.
 */
export class WatchedPromise<T> extends Promise<T> {
  // What `then` derives is an ordinary promise, which its own caller has to look after.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  #isWatched = false;

  static watching<T>(work: Promise<T>): WatchedPromise<T> {
    const watched = new WatchedPromise<T>((resolve) => resolve(work));
    Promise.prototype.then.call(watched, undefined, () => undefined);
    return watched;
  }

  get isWatched(): boolean {
    return this.#isWatched;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is what `await` calls.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#isWatched = true;
    return super.then(onFulfilled, onRejected);
  }
}
