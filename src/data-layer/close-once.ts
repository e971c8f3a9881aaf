import { didYouMean } from '../config/did-you-mean.ts';
import { ConfigError } from '../errors/config-error.ts';
import type { CloseOptions, CloseReport } from './data-layer-types.ts';

const defaultTimeoutMs = 10_000;

/** The first call decides; later ones share its result. One whose timeout makes no sense is none. */
export function closeOnce(
  close: (timeoutMs: number) => Promise<CloseReport>,
): (options?: CloseOptions) => Promise<CloseReport> {
  let result: Promise<CloseReport> | undefined;
  return (options = {}) => {
    const { timeoutMs = defaultTimeoutMs } = options;
    const unknown = Object.keys(options).find((name) => name !== 'timeoutMs');
    if (unknown !== undefined) {
      return Promise.reject(
        new ConfigError('Bad options of close', [
          { path: unknown, message: `unknown option${didYouMean(unknown, ['timeoutMs'])}` },
        ]),
      );
    }
    if (!(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs < 2 ** 31)) {
      return Promise.reject(
        new ConfigError('Bad options of close', [
          { path: 'timeoutMs', message: `must be over 0 and at most ${2 ** 31 - 1}` },
        ]),
      );
    }
    result ??= close(timeoutMs);
    return result;
  };
}
