const { isTTY } = process.stdout;
const coloured = isTTY && !process.env.NO_COLOR;
const paint = (code: number) => (text: string) => (coloured ? `\x1b[${code}m${text}\x1b[0m` : text);

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);

export function say(text = ''): void {
  console.log(text);
}

export function heading(text: string): void {
  say(`\n${bold(text)}`);
}

/** Columns under each other: the first to the left, the others to the right. */
export function sayTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  for (const [number, row] of rows.entries()) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    const line = `  ${cells.join('   ')}`;
    say(number === 0 ? dim(line) : line);
  }
}

/** A long text on lines of 100 characters, indented. */
export function sayWrapped(text: string, indent: string): void {
  let line = indent;
  for (const word of text.split(/\s+/)) {
    if (line.length + word.length > 99 && line !== indent) {
      say(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  say(line);
}

/** Tells how something long comes along: on one line of a terminal, else a line every 2 seconds. */
export async function withProgress<T>(state: () => string, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(
    () => (isTTY ? process.stdout.write(`\r\x1b[K  ${dim(state())}`) : say(`  … ${state()}`)),
    isTTY ? 100 : 2_000,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (isTTY) process.stdout.write('\r\x1b[K');
  }
}

export function count(value: number | bigint): string {
  return (typeof value === 'bigint' ? value : Math.round(value)).toLocaleString('en-US');
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
}

export function millis(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

export function seconds(fromMs: number, toMs = performance.now()): string {
  return `${((toMs - fromMs) / 1_000).toFixed(1)} s`;
}
