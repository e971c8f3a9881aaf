import { RoutingError } from '../../errors/routing-error.ts';
import { factsOf, type StatementFacts } from './statement-facts.ts';

const reads = new Set(['SELECT', 'WITH', 'SHOW', 'EXPLAIN', 'DESCRIBE', 'DESC', 'VALUES', 'TABLE']);
const writes = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'WITH']);
const definitions = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'RENAME']);
/** Definitions if they name tables; else `ANALYZE UPDATE …` runs what follows. */
const upkeep = new Set(['ANALYZE', 'OPTIMIZE']);

/** What concerns the connection, which others use next. */
const ofConnection = new Set(
  (
    'SET BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE USE LOCK UNLOCK PREPARE EXECUTE DEALLOCATE DECLARE ' +
    'HANDLER XA DO END'
  ).split(' '),
);

/**
 * `query` may be sent again after a failure and to a replica, on any connection, so only reads may
 * pass that need nothing of their connection and leave nothing there.
 *
 * @throws {RoutingError} for anything else.
 */
export function assertRead(sql: string, insideTransaction = false): void {
  const facts = factsOf(sql);
  assertCertain(facts);
  const { word, drawing, locking } = facts;
  const mayChange = word === 'WITH' || facts.analyzes;
  if (!reads.has(word) || (mayChange && facts.changes)) {
    throw new RoutingError(
      writes.has(word) || isDefinition(facts) || facts.analyzes
        ? `query() runs reads; '${word}' is none. Use execute(), which is never sent twice.`
        : `query() runs reads; '${word || 'this text'}' is none. ${cureOf(word)}`,
    );
  }
  if (facts.changingCall !== undefined) {
    throw new RoutingError(
      `query() runs reads; '${facts.changingCall}' is a change. Use it in a statement of execute(), ` +
        'whose result has the insertId that LAST_INSERT_ID(…) sets.',
    );
  }
  if (facts.unnameable) {
    throw new RoutingError(
      'A column named __proto__, or as another property that every object has, makes no row. ' +
        'Give it another name with AS; as a value it goes into a parameter.',
    );
  }
  if (insideTransaction) return;
  assertNotOfSession(facts);
  if (drawing !== undefined) {
    throw new RoutingError(
      `'${drawing}' is a change, and a read may be sent twice. Draw in the statement of execute() that ` +
        'stores the number, or in a transaction().',
    );
  }
  if (locking !== undefined) {
    throw new RoutingError(
      `'${locking}' locks nothing here: the locks would end with the statement. Run it in a transaction().`,
    );
  }
}

/**
 * `execute` runs one change. What would outlive the statement on its connection (a transaction, a
 * lock, a session variable) would leak to the next caller; what gives rows gives no count, by which
 * is known whether anything was changed.
 *
 * @returns whether it is a definition, which concerns all rows of the shard.
 * @throws {RoutingError} for such a statement; for a definition inside a transaction, which it
 * would commit.
 */
export function assertWrite(sql: string, insideTransaction: boolean): 'change' | 'definition' {
  const facts = factsOf(sql);
  assertCertain(facts);
  const { word } = facts;
  if (isDefinition(facts)) {
    if (!insideTransaction) return 'definition';
    throw new RoutingError(
      `'${word}' would commit the transaction; run it outside with at(key).execute().`,
    );
  }
  if (!writes.has(word) || !facts.changes) throw noWrite(facts);
  if (facts.returning) {
    throw new RoutingError(
      `'${word} … RETURNING' gives rows instead of a count, so that nobody could tell whether it changed anything. ` +
        'Leave RETURNING out: an AUTO_INCREMENT number is the insertId of the result, and rows are read back with query(). ' +
        'A column of that name goes into backticks.',
    );
  }
  if (!insideTransaction) assertNotOfSession(facts);
  return 'change';
}

function isDefinition({ word, temporary, ofTables }: StatementFacts): boolean {
  if (upkeep.has(word)) return ofTables;
  return definitions.has(word) && !temporary;
}

function noWrite({ word, analyzes, changes }: StatementFacts): RoutingError {
  if (word === 'CALL') {
    return new RoutingError(
      'A procedure may begin, commit or half apply work without saying so, so its outcome could not be told. ' +
        'Run its statements in a transaction().',
    );
  }
  if (analyzes && changes) {
    return new RoutingError(
      `'${word}' runs the change that it explains and tells no count. Run the change by itself, or explain it without ANALYZE.`,
    );
  }
  return new RoutingError(
    reads.has(word)
      ? `execute() runs changes; '${word}' is a read. Use query().`
      : `execute() runs changes; '${word || 'this text'}' is none. ${cureOf(word)}`,
  );
}

/** What to do instead of a statement that neither reads rows nor changes them. */
function cureOf(word: string): string {
  if (word === 'CALL') return 'Run the statements of the procedure in a transaction().';
  return ofConnection.has(word)
    ? 'It would change the connection for whoever uses it next: use transaction() for BEGIN and COMMIT; session settings are not offered.'
    : 'It belongs to whoever looks after the server: run it with a client of its own on each shard.';
}

function assertCertain({ unreadable, lasting }: StatementFacts): void {
  if (unreadable !== undefined) {
    throw new RoutingError(
      `${unreadable}, so nobody can tell what this statement does. Write what you mean without it.`,
    );
  }
  if (lasting === undefined) return;
  throw new RoutingError(
    `'${lasting}' leaves a lock, a variable or a file behind, which whoever uses the connection next would meet.`,
  );
}

/** Each statement may run on another connection, where these tell of somebody else's work. */
function assertNotOfSession({ ofSession }: StatementFacts): void {
  if (ofSession === undefined) return;
  throw new RoutingError(
    `'${ofSession}' tells what its connection did before, and that was somebody else's call. The result of ` +
      'execute() has the insertId and the count; other values of the session are read in a transaction().',
  );
}
