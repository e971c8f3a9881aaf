import type { Cap } from './limits.ts';

/**
 * How many instances there should be, with the numbers that it follows from.
 *
 * @example
 * const { instances, because, cap }: Recommendation = scaler.recommend();
 * log.info({ instances, cap: cap?.because }, because);
 */
export interface Recommendation {
  readonly instances: number;
  /** All of the below, in a sentence. */
  readonly because: string;
  /**
   * What it goes by: a forecast of its weekly profile or by Holt and Winters, or `rule` (the load as it is,
   * times a headroom) while history is too short or no help.
   */
  readonly method: 'profile' | 'holt-winters' | 'rule';
  /** The greatest load of the last step that is known. */
  readonly load: number;
  /** The greatest load expected until an instance that is asked for now would be there. */
  readonly forecast: number;
  /** The load that is planned for: the forecast with what past errors ask for on top. */
  readonly planned: number;
  /** The same as a factor on the forecast; 1 where nothing is expected. */
  readonly headroom: number;
  /** What `requiredInstances` would say of the load as it is. */
  readonly rule: number;
  /** The fewest that are allowed, by `minInstances` and `latency`. */
  readonly floor: number;
  /** What keeps the number down, if anything does. Then the load may be more than is there. */
  readonly cap: Cap | undefined;
  /** Whether it stays up only because fewer were enough for too short a time. */
  readonly held: boolean;
  /** Milliseconds since the last sample, when that is more than two steps. The last known is held then. */
  readonly silentMs: number | undefined;
  /** Samples that were taken. Without any the rest says nothing of the load. */
  readonly samples: number;
  /** Samples that were older than a later one, and left out. */
  readonly ignored: number;
  /** How much less the forecast costs than the last value would, at equal risk. 0 without a forecast. */
  readonly skill: number;
}

/** A recommendation as a sentence, and what else there is to say. */
export function inWords(said: Omit<Recommendation, 'because'>, notes: readonly string[]): string {
  const { instances, method, load, forecast, planned, headroom, floor, cap, held } = said;
  const { silentMs, samples, ignored, skill } = said;
  if (samples === 0) return `${instances}, for there was no sample of the load yet`;
  // Percents of next to nothing tell nobody anything.
  const onTop =
    planned <= 2 * forecast
      ? `${Math.round((headroom - 1) * 100)} % headroom`
      : `${round(planned - forecast)} on top`;
  const names = { profile: 'the weekly profile', 'holt-winters': 'Holt and Winters' };
  const expected =
    method === 'rule'
      ? `the load of ${round(load)} with ${onTop}; history is too short or no help`
      : `${names[method]} expects up to ${round(forecast)} (now ${round(load)}), with ${onTop} from its own errors; ${Math.round(skill * 100)} % cheaper than the last value`;
  return [
    `${instances} for ${expected}`,
    ...(floor >= instances && cap === undefined ? [`no fewer than ${floor} are allowed`] : []),
    ...(held ? ['fewer were enough for too short a time'] : []),
    ...(cap === undefined ? [] : [`more are wanted, but ${cap.because}`]),
    ...(silentMs === undefined ? [] : [`no sample for ${Math.round(silentMs / 1_000)} s`]),
    ...(ignored === 0
      ? []
      : [`${ignored} ${ignored === 1 ? 'sample was' : 'samples were'} older than a later one`]),
    ...notes,
  ].join('; ');
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
