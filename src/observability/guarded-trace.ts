import type { CallEvent } from './call-event.ts';
import type { StepFacts, StepName, Trace } from './trace.ts';

/** Is told what somebody who follows a call threw, and when. */
type OnThrown = (when: string, error: unknown) => void;

/** Nobody follows. */
const unfollowed: Trace = {
  step: () => unfollowed,
  run: (work) => work(),
  link: () => {},
  end: () => {},
  endCall: () => {},
};

/** Follows a call as another trace does, and keeps from the call what that throws: the call goes on as if unfollowed. */
export class GuardedTrace implements Trace {
  readonly #own: Trace;
  readonly #onThrown: OnThrown;

  constructor(own: Trace, onThrown: OnThrown) {
    this.#own = own;
    this.#onThrown = onThrown;
  }

  step(name: StepName, facts: StepFacts, startedAt?: number): Trace {
    const step = this.#guarded(`told that '${name}' begins`, () =>
      this.#own.step(name, facts, startedAt),
    );
    return step === undefined ? unfollowed : new GuardedTrace(step, this.#onThrown);
  }

  /** The work is done once, whatever becomes of following it. */
  run<T>(work: () => T): T {
    let done: { readonly value: T } | { readonly error: unknown } | undefined;
    this.#guarded('asked to run a step', () =>
      this.#own.run(() => {
        if (done !== undefined) return;
        try {
          done = { value: work() };
        } catch (error) {
          done = { error };
        }
      }),
    );
    if (done === undefined) return work();
    if ('error' in done) throw done.error;
    return done.value;
  }

  link(shared: Trace): void {
    this.#guarded('told of a shared step', () =>
      this.#own.link(shared instanceof GuardedTrace ? shared.#own : shared),
    );
  }

  end(result: Parameters<Trace['end']>[0]): void {
    this.#guarded('told that a step is over', () => this.#own.end(result));
  }

  endCall(event: CallEvent): void {
    this.#guarded('told that a call is over', () => this.#own.endCall(event));
  }

  #guarded<T>(when: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#onThrown(when, error);
      return undefined;
    }
  }
}
