// Comments go first, since a quote inside one opens no string; an unclosed string hides the rest.
const sensitive =
  /\/\*[\s\S]*?(?:\*\/|$)|(?:--\s|#)[^\n]*|'(?:[^'\\]|''|\\[\s\S])*(?:'|$)|"(?:[^"\\]|""|\\[\s\S])*(?:"|$)|`(?:[^`]|``)*`|\b(?:0x[0-9a-f]+|0b[01]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?)\b/gi;

/** The statement's text without comments and with every literal replaced by `?`: fit for logs. */
export function maskStatement(sql: string): string {
  const masked = sql.replace(sensitive, (found) => {
    if (found.startsWith('`')) return found;
    return /^(?:\/\*|--|#)/.test(found) ? ' ' : '?';
  });
  const text = masked.replace(/\s+/g, ' ').trim();
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
