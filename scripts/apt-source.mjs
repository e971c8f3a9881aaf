import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where this machine has its Debian packages from, in either format of the sources. */
export function aptSource() {
  const suite = /^VERSION_CODENAME=(.*)$/m.exec(readIfThere('/etc/os-release'))?.[1];
  if (!suite) return undefined;
  const folder = '/etc/apt/sources.list.d';
  const files = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const text = ['/etc/apt/sources.list', ...files]
    .filter((file) => /\.(list|sources)$/.test(file))
    .map(readIfThere)
    .join('\n\n');
  const line = new RegExp(`^deb(?:\\s+\\[[^\\]]*\\])?\\s+(\\S+)\\s+${suite}\\s`, 'm').exec(text);
  const stanza = text
    .split(/\n\s*\n/)
    .find((part) => new RegExp(`^Suites:.*\\b${suite}(\\s|$)`, 'm').test(part));
  const mirror = line?.[1] ?? (stanza && /^URIs:\s*(\S+)/m.exec(stanza)?.[1]);
  return mirror && { mirror, suite };
}

/** What a tool printed, without the addresses in it. */
export function withoutAddresses(text) {
  return text.replace(/https?:\/\/[^\s'"]+/g, '<mirror>');
}

function readIfThere(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
