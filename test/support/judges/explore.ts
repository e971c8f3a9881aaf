/** One thing that may happen next, and the state after it. */
export type Happening<State> = readonly [what: string, next: State];

/** How a state that is wrong comes about. */
export interface Counterexample {
  readonly wrong: string;
  readonly trace: readonly string[];
}

/** How a state was first reached: after which one, by what. */
interface Reached {
  readonly from: number;
  readonly what: string;
}

/**
 * Goes through every state that can come about, the nearest first: every interleaving, and every crash. States
 * are plain data. A state from which there is no way to an end is wrong as well: what happens there goes round.
 *
 * @param wrong what is wrong with a state; told whether nothing more can happen.
 * @returns the shortest way to a state that is wrong, or how many states there are.
 * @throws {Error} when nothing can happen at all: then nothing was explored.
 */
export function explore<State>(
  start: State,
  happenings: (state: State) => readonly Happening<State>[],
  wrong: (state: State, isEnd: boolean) => string | undefined,
  mostStates = 2_000_000,
): Counterexample | { readonly states: number } {
  const numbers = new Map<string, number>([[JSON.stringify(start), 0]]);
  const reached: Reached[] = [{ from: 0, what: '' }];
  const before: number[][] = [[]];
  const ends: number[] = [];
  let level: State[] = [start];
  for (let number = 0; level.length > 0; ) {
    const next: State[] = [];
    for (const state of level) {
      const following = happenings(state);
      const isEnd = following.length === 0;
      const fault = wrong(state, isEnd);
      if (fault !== undefined) return { wrong: fault, trace: traceTo(number, reached) };
      if (isEnd) ends.push(number);
      for (const [what, after] of following) {
        const key = JSON.stringify(after);
        const known = numbers.get(key);
        if (known !== undefined) before[known]?.push(number);
        else {
          numbers.set(key, reached.length);
          reached.push({ from: number, what });
          before.push([number]);
          next.push(after);
        }
      }
      number++;
    }
    if (reached.length > mostStates) throw new Error(`more than ${mostStates} states`);
    level = next;
  }
  if (reached.length === 1) throw new Error('nothing happens in this model');
  const endless = endlessState(before, ends);
  if (endless !== undefined) {
    return { wrong: 'no end can be reached from here', trace: traceTo(endless, reached) };
  }
  return { states: reached.length };
}

/** The nearest state that leads to no end. */
function endlessState(
  before: readonly (readonly number[])[],
  ends: readonly number[],
): number | undefined {
  const ending = new Uint8Array(before.length);
  const open = [...ends];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (ending[at] === 1) continue;
    ending[at] = 1;
    for (const earlier of before[at] ?? []) open.push(earlier);
  }
  const first = ending.indexOf(0);
  return first < 0 ? undefined : first;
}

function traceTo(end: number, reached: readonly Reached[]): string[] {
  const trace: string[] = [];
  for (let at = end; at !== 0; ) {
    const step = reached[at];
    if (step === undefined) throw new TypeError('every state was reached somehow');
    trace.unshift(step.what);
    at = step.from;
  }
  return trace;
}
