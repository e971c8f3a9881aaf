import { type SqlToken, tokensOf } from './sql-tokens.ts';

const longest = 300;

/** The statement's text without comments and with every literal replaced by `?`: fit for logs. */
export function maskStatement(sql: string): string {
  let masked = '';
  let end = 0;
  for (const token of tokensOf(sql)) {
    const shown = shownOf(token, sql);
    if (token.start > end && masked !== '') masked += ' ';
    masked += shown;
    end = token.end;
    if (masked.length > longest) return `${masked.slice(0, longest)}…`;
  }
  return masked.trimEnd();
}

/** An unclosed quote hides the rest; so does what servers read differently. */
function shownOf({ kind, start, end }: SqlToken, sql: string): string {
  switch (kind) {
    case 'text':
    case 'number':
      return '?';
    case 'open':
    case 'hidden':
      return sql.startsWith('/*', start) ? '' : '?';
    default:
      return sql.slice(start, end);
  }
}
