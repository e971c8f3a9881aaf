import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, root } from './run.mjs';

const lockFile = join(root, 'package-lock.json');
const installed = join(root, 'node_modules', '.package-lock.json');
const stamp = join(root, 'node_modules', '.meridian-lock-hash');

/** Installs node_modules when they are missing or are not those of package-lock.json. */
export async function ensureModules() {
  const hash = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  if (existsSync(stamp) && existsSync(installed) && readFileSync(stamp, 'utf8') === hash) return;
  // A stamp is ours only: modules that npm installed by hand are looked at before they are replaced.
  if (!sameModules()) await must('Installing node modules', 'npm', ['ci', '--prefer-offline']);
  writeFileSync(stamp, hash);
}

function sameModules() {
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  const present = JSON.parse(readFileSync(installed, 'utf8')).packages;
  const missing = Object.entries(wanted).some(
    ([path, { version, optional, devOptional }]) =>
      path !== '' &&
      present[path]?.version !== version &&
      !(present[path] === undefined && (optional || devOptional)),
  );
  return !missing && Object.keys(present).every((path) => path in wanted);
}
