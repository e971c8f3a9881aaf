import { readFile } from 'node:fs/promises';
import { ConfigError } from '../errors/config-error.ts';

/** Where a topology document comes from. */
export interface TopologySource {
  /** Shown in errors: the file's path, say. */
  readonly name: string;
  /** Reads the document. @throws {ConfigError} when there is none to read. */
  load(signal?: AbortSignal): Promise<unknown>;
  /** Gives the document, and each one that follows it, until the signal fires. */
  watch?(signal: AbortSignal): AsyncIterable<unknown>;
}

/**
 * Reads the topology from a JSON file when the data layer starts.
 *
 * @param path relative to the working directory, or absolute.
 */
export function fileTopology(path: string): TopologySource {
  const fail = (message: string, cause: unknown) =>
    new ConfigError('Bad topology', [{ path, message }], { cause });
  return {
    name: path,
    async load() {
      let text: string;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        throw fail(`can not be read: ${reasonOf(error)}`, error);
      }
      try {
        return JSON.parse(text);
      } catch {
        // The parser's message quotes the text, which may hold a password.
        throw fail('is not JSON', undefined);
      }
    },
  };
}

/** A topology that is already an object. */
export function staticTopology(document: unknown): TopologySource {
  return { name: 'topology', load: async () => document };
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
