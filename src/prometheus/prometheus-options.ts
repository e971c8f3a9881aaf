/**
 * What tells the metrics of several data layers apart, and examples that are kept with them.
 *
 * @example
 * import { register } from 'prom-client';
 * prometheusObserver(register, { name: 'checkout', exemplar: () => ({ trace_id: traceId() }) });
 */
export interface PrometheusOptions {
  /**
   * Tells the data layers of a process apart: the value of the label `data_layer` of all metrics. Must be given
   * where two of them report to one registry. Default: none, and no such label.
   */
  readonly name?: string;
  /**
   * Labels of an exemplar for a call that has ended, such as its trace: is asked in the context of its caller.
   * A registry shows them where it speaks OpenMetrics. Default: none.
   */
  readonly exemplar?: () => Readonly<Record<string, string>> | undefined;
}
