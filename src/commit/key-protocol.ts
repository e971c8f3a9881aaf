/**
 * What is decided about an operation under a key, by what servers answer. Without I/O, so that the tests go through
 * every order of answers and every crash: docs/internals/commit.md.
 */

/** What is on record under a key. */
export interface RecordedKey {
  readonly outcome: 'applied' | 'aborted';
  /** Whether the attempt that asks has recorded it. */
  readonly isOwn: boolean;
}

/** What became of an attempt. `elsewhere`: its owner has left the shard, and took what is known along. */
export type Fate = 'applied' | 'aborted' | 'elsewhere';

/** What a lost COMMIT came to is asked step by step: a mark in its way, then what is on record where the owner is. */
export type Resolving = { readonly ask: 'mark' | 'record' } | { readonly fate: Fate };

export type Answer =
  /** Whether the mark stands; else the key was on record, and who has it open was waited for. */
  | { readonly to: 'mark'; readonly stands: boolean }
  /** Both as of one moment: between two an owner may leave, or be back. */
  | {
      readonly to: 'record';
      readonly found: RecordedKey | undefined;
      readonly hasLeft: boolean;
    };

export const firstQuestion: Resolving = { ask: 'mark' };

/** @param mayMove whether the operation's owner may leave the shard. */
export function afterAnswer(answer: Answer, mayMove: boolean): Resolving {
  if (answer.to === 'mark') {
    return answer.stands && !mayMove ? { fate: 'aborted' } : { ask: 'record' };
  }
  const { found, hasLeft } = answer;
  if (found?.isOwn && found.outcome === 'applied') return { fate: 'applied' };
  // What is on record tells that nothing else is only while the owner is there: who left took along what was.
  // Another call's, a mark, or none any more: this one's rollback has let it through.
  return { fate: hasLeft ? 'elsewhere' : 'aborted' };
}

/** What a caller is told. @param isSameServer whether the server that was asked is the one that was to commit. */
export function verdictOf(
  fate: Fate,
  isSameServer: boolean,
): 'applied' | 'not-applied' | 'unknown' {
  if (fate === 'applied') return 'applied';
  // What another server had not passed on when it was lost is not here, committed or not.
  return fate === 'aborted' && isSameServer ? 'not-applied' : 'unknown';
}

/** What an attempt does whose key is on record already: `gone`: it is not there any more. */
export function afterMeeting(found: Pick<RecordedKey, 'outcome'> | undefined) {
  if (found === undefined) return 'gone';
  return found.outcome === 'applied' ? 'repeat' : 'take-over';
}
