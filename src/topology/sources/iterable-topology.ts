import { ConfigError } from '../../errors/config-error.ts';
import type { TopologySource } from './topology-source.ts';

/**
 * A topology that somebody else brings: the first document is the one to start with, later ones follow it. An
 * object with `Symbol.asyncIterator`, such as an async generator, or a stream of documents. It is iterated once.
 *
 * @param name shown in errors, events and `data.topology()`.
 *
 * @example
 * async function* documents() {
 *   yield await fetchTopology();
 * }
 * await createDataLayer({ ...options, topology: iterableTopology('settings', documents()) });
 */
export function iterableTopology(name: string, documents: AsyncIterable<unknown>): TopologySource {
  const iterator = documents[Symbol.asyncIterator]();
  /** The newest, once there is one: whoever asks again takes none from those who watch. */
  let newest: { readonly document: unknown } | undefined;
  return {
    name,
    async load(signal) {
      if (newest !== undefined) return newest.document;
      const first = await untilAborted(iterator.next(), signal);
      if (first.done !== true) {
        newest = { document: first.value };
        return first.value;
      }
      throw new ConfigError('Bad topology', [{ path: name, message: 'ended without a document' }]);
    },
    async *watch(signal) {
      try {
        for (;;) {
          const next = await untilAborted(iterator.next(), signal);
          if (next.done === true) return;
          newest = { document: next.value };
          yield next.value;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        // Nobody waits for a generator that stands in its own await.
        void iterator.return?.().catch(() => undefined);
      }
    },
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
