import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, root } from './run.mjs';

const stamp = join(root, 'node_modules', '.meridian-lock-hash');

/** Installs node_modules when they are missing or are not those of package-lock.json. */
export async function ensureModules() {
  const hash = createHash('sha256')
    .update(readFileSync(lockFileOf(root)))
    .digest('hex');
  const stamped = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  if (stamped && existsSync(installedIn(root))) return;
  // A stamp is ours only: modules that npm installed by hand are looked at before they are replaced.
  if (!sameModules(root)) await must('Installing node modules', 'npm', ['ci', '--prefer-offline']);
  writeFileSync(stamp, hash);
}

/** The same for the libraries that the cache is compared with. None of their scripts is run. */
export async function ensurePeers() {
  const folder = join(root, 'bench', 'peers');
  if (sameModules(folder)) return;
  const args = ['ci', '--ignore-scripts', '--prefer-offline'];
  await must('Installing what is compared with', 'npm', args, { cwd: folder });
}

function lockFileOf(folder) {
  return join(folder, 'package-lock.json');
}

function installedIn(folder) {
  return join(folder, 'node_modules', '.package-lock.json');
}

function sameModules(folder) {
  if (!existsSync(installedIn(folder))) return false;
  const wanted = JSON.parse(readFileSync(lockFileOf(folder), 'utf8')).packages;
  const present = JSON.parse(readFileSync(installedIn(folder), 'utf8')).packages;
  const missing = Object.entries(wanted).some(
    ([path, { version, optional, devOptional }]) =>
      path !== '' &&
      present[path]?.version !== version &&
      !(present[path] === undefined && (optional || devOptional)),
  );
  return !missing && Object.keys(present).every((path) => path in wanted);
}
