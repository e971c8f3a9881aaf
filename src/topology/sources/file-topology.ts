import { readFile, stat } from 'node:fs/promises';
import { ConfigError } from '../../errors/config-error.ts';
import { every } from './every.ts';
import { maxDocumentBytes, type TopologySource } from './topology-source.ts';

/** Milliseconds between two looks: a file that is the same costs one stat. */
const lookMs = 250;
/** What is no document may be half-written: its writer has so many milliseconds before anybody is told. */
const writingMs = 1_000;

/**
 * Reads the topology from a JSON file, and again when it changes. It may be replaced by a rename, by a link that
 * is turned, as in a Kubernetes ConfigMap, or be written in place: what is half-written is waited out. It is looked
 * at four times a second, since not every file system tells of its changes.
 *
 * @param path relative to the working directory, or absolute.
 *
 * @example
 * await createDataLayer({ ...options, topology: fileTopology('/etc/meridian/topology.json') });
 */
export function fileTopology(path: string): TopologySource {
  return {
    name: path,
    load: () => read(path),
    watch: (signal) => documents(path, signal),
  };
}

async function* documents(path: string, signal: AbortSignal): AsyncGenerator<unknown> {
  let seen: string | undefined;
  let brokenSince: number | undefined;
  for await (const now of every(lookMs, signal)) {
    try {
      const mark = await markOf(path);
      if (mark === seen) continue;
      const document = await read(path);
      seen = mark;
      brokenSince = undefined;
      yield document;
    } catch (error) {
      brokenSince ??= now;
      if (now - brokenSince >= writingMs) throw error;
    }
  }
}

/** Tells two states of a file apart without reading it. */
async function markOf(path: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch((error) => {
    throw unread(path, `can not be read: ${reasonOf(error)}`, error);
  });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function read(path: string): Promise<unknown> {
  const text = await readWhole(path).catch((error: unknown) => {
    if (error instanceof ConfigError) throw error;
    throw unread(path, `can not be read: ${reasonOf(error)}`, error);
  });
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may hold a password.
    throw unread(path, 'is not JSON', undefined);
  }
}

async function readWhole(path: string): Promise<string> {
  const { size } = await stat(path);
  if (size > maxDocumentBytes) {
    throw unread(path, `has ${size} bytes; a topology has ${maxDocumentBytes} at most`, undefined);
  }
  return readFile(path, 'utf8');
}

function unread(path: string, message: string, cause: unknown): ConfigError {
  return new ConfigError('Bad topology', [{ path, message }], { cause });
}

function reasonOf(error: unknown): string {
  const code =
    error instanceof Error && 'code' in error ? String(error.code) : 'for no stated reason';
  return reasons.get(code) ?? code;
}

const reasons = new Map([
  ['ENOENT', 'there is no such file; a relative path begins at the working directory'],
  ['EACCES', 'this process has not the right to'],
  ['EISDIR', 'it is a folder'],
]);
