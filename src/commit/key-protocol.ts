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

/** What a lost COMMIT came to is asked step by step: a mark in its way, who was first, whether the owner was there. */
export type Resolving = { readonly ask: 'mark' | 'record' | 'departure' } | { readonly fate: Fate };

export type Answer =
  /** Whether the mark stands; else the key was on record, and who has it open was waited for. */
  | { readonly to: 'mark'; readonly stands: boolean }
  | { readonly to: 'record'; readonly found: RecordedKey | undefined }
  | { readonly to: 'departure'; readonly hasLeft: boolean };

export const firstQuestion: Resolving = { ask: 'mark' };

/** @param mayMove whether the operation's owner may leave the shard. */
export function afterAnswer(answer: Answer, mayMove: boolean): Resolving {
  // What is on record tells that nothing else is only while the owner is there: who left took along what was.
  const unlessLeft: Resolving = mayMove ? { ask: 'departure' } : { fate: 'aborted' };
  switch (answer.to) {
    case 'mark':
      return answer.stands ? unlessLeft : { ask: 'record' };
    case 'departure':
      return { fate: answer.hasLeft ? 'elsewhere' : 'aborted' };
    case 'record': {
      const { found } = answer;
      // Gone again: the sweeper's, or that of an owner who left. Asked anew.
      if (found === undefined) return firstQuestion;
      // What another call has recorded since, this one's rollback has let through.
      return found.isOwn && found.outcome === 'applied' ? { fate: 'applied' } : unlessLeft;
    }
  }
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
