import { readFileSync } from 'node:fs';

/** Whether a process of that id runs. */
export function isAlive(pid: number): boolean {
  try {
    // A process that was killed and not yet collected by its parent has no command line.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
