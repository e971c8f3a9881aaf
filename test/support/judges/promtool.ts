import { spawnSync } from 'node:child_process';

/** Runs promtool. @throws in words where it is missing. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    input,
    encoding: 'utf8',
  });
  if (error !== undefined) {
    throw new Error(
      "promtool is missing, which checks metrics and rules. It comes with Debian's package prometheus: " +
        'apt-get install --no-install-recommends prometheus. npm test installs it where it may.',
      { cause: error },
    );
  }
  return { code: status, output: `${stdout}${stderr}` };
}
