/**
 * Where topology documents come from.
 *
 * @example
 * const source: TopologySource = { name: 'settings', load: (signal) => fetchTopology(signal) };
 * await createDataLayer({ ...options, topology: source });
 */
export interface TopologySource {
  /** Shown in errors, events and `data.topology()`: the file's path, say. Never a secret. */
  readonly name: string;
  /**
   * Reads the document as it is now.
   *
   * @throws {ConfigError} when there is none, or none that can be read.
   */
  load(signal?: AbortSignal): Promise<unknown>;
  /**
   * Gives each later document, and may give one again. Without it the topology stays as it was at the start, and
   * `data.reload()` asks for another. When it throws it is begun anew, after a while; when it returns, it has nothing
   * more to give.
   *
   * @param signal fires when the data layer closes: the iteration then ends.
   */
  watch?(signal: AbortSignal): AsyncIterable<unknown>;
}

/** A topology that is already an object. */
export function staticTopology(document: unknown): TopologySource {
  return { name: 'topology', load: async () => document };
}

/** The greatest document, in bytes. One of 10,000 shards takes about 2 MB. */
export const maxDocumentBytes = 8 * 1024 * 1024;
