/** What a statement does, by its first word. */
export type StatementOperation = (typeof operations)[number] | 'other';

const operations = [
  'select',
  'insert',
  'update',
  'delete',
  'replace',
  'begin',
  'commit',
  'rollback',
  'set',
  'show',
] as const;

const known: ReadonlyMap<string, StatementOperation> = new Map(
  operations.map((operation) => [operation, operation]),
);

/** What the text of a statement begins with. */
export function operationOf(sql: string): StatementOperation {
  const [, word = ''] = /^\s*([a-z]+)/i.exec(sql) ?? [];
  return known.get(word.toLowerCase()) ?? 'other';
}

/** The way of statements to a server. Told only where an observer wants them. */
export type StatementEvent =
  | {
      /** A server has answered a statement, also one that nobody's call is behind. */
      readonly type: 'statement';
      readonly shard: string;
      readonly endpoint: string;
      readonly operation: StatementOperation;
      /** Of a stream: until its first row. */
      readonly durationMs: number;
      readonly outcome: 'done' | 'failed';
    }
  | {
      /** A connection was had, or not. */
      readonly type: 'acquire';
      readonly shard: string;
      readonly endpoint: string;
      readonly durationMs: number;
      readonly outcome: 'done' | 'failed';
    };
