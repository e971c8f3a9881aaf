/** One thing that may happen next, and the state after it. */
export type Happening<State> = readonly [what: string, next: State];

/** How a state that is wrong comes about. */
export interface Counterexample {
  readonly wrong: string;
  readonly trace: readonly string[];
}

/**
 * Goes through every state that can come about, the nearest first: every interleaving, and every crash. States
 * are plain data.
 *
 * @param wrong what is wrong with a state; told whether nothing more can happen.
 * @returns the shortest way to a state that is wrong, or how many states there are.
 */
export function explore<State>(
  start: State,
  happenings: (state: State) => readonly Happening<State>[],
  wrong: (state: State, isEnd: boolean) => string | undefined,
  mostStates = 2_000_000,
): Counterexample | { readonly states: number } {
  const seen = new Map<string, { readonly from: string; readonly what: string }>();
  const id = (state: State) => JSON.stringify(state);
  const first = id(start);
  seen.set(first, { from: '', what: '' });
  let level: State[] = [start];
  while (level.length > 0) {
    const next: State[] = [];
    for (const state of level) {
      const from = id(state);
      const following = happenings(state);
      const fault = wrong(state, following.length === 0);
      if (fault !== undefined) return { wrong: fault, trace: traceTo(from, seen) };
      for (const [what, after] of following) {
        const key = id(after);
        if (seen.has(key)) continue;
        seen.set(key, { from, what });
        next.push(after);
      }
    }
    if (seen.size > mostStates) throw new Error(`more than ${mostStates} states`);
    level = next;
  }
  return { states: seen.size };
}

function traceTo(
  end: string,
  seen: ReadonlyMap<string, { readonly from: string; readonly what: string }>,
): string[] {
  const trace: string[] = [];
  for (let at = seen.get(end); at !== undefined && at.what !== ''; at = seen.get(at.from)) {
    trace.unshift(at.what);
  }
  return trace;
}
