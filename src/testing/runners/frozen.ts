import { readdir, readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';

/**
 * Resolves once every thread of a process that was sent `SIGSTOP` has stopped, or the process is gone: a
 * thread that runs meanwhile still serves. Where there is no `/proc` nobody can tell, and it resolves at once.
 */
export async function untilFrozen(pid: number): Promise<void> {
  while (!(await isFrozen(`/proc/${pid}/task`))) await turn();
}

async function isFrozen(tasks: string): Promise<boolean> {
  try {
    const threads = await readdir(tasks);
    const stats = await Promise.all(threads.map((id) => readFile(`${tasks}/${id}/stat`, 'utf8')));
    return stats.every(isStopped);
  } catch (error) {
    // The process, or a thread of it, has ended since it was listed.
    if (
      error instanceof Error &&
      'code' in error &&
      (error.code === 'ENOENT' || error.code === 'ESRCH')
    ) {
      return !(await exists(tasks));
    }
    throw error;
  }
}

/** The state is what follows the name, which stands in brackets and may hold any character. */
function isStopped(stat: string): boolean {
  const state = stat.at(stat.lastIndexOf(')') + 2);
  return state === 'T' || state === 't' || state === 'Z' || state === 'X';
}

async function exists(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}
