/** One line of a report: what was measured, and what it had to reach. */
export interface Result {
  readonly name: string;
  readonly value: string;
  readonly target?: string;
  readonly met?: boolean;
  /** The numbers behind `value`, for the JSON. */
  readonly figures: Readonly<Record<string, number | undefined>>;
}

export interface Suite {
  readonly name: string;
  run(): Promise<Result[]>;
}

export function printTable(title: string, results: readonly Result[]): void {
  const rows = results.map(({ name, value, target = '', met }) => [
    name,
    value,
    target,
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ]);
  const header = ['', 'measured', 'target', ''];
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)),
  );
  console.log(`\n${title}`);
  for (const row of [header, ...rows]) {
    console.log(
      `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
    );
  }
}
