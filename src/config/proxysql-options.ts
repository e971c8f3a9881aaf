import { z } from 'zod';
import type { Problem } from '../errors/config-error.ts';
import { isThisMachine } from '../tls/this-machine.ts';
import { parseInto, strictObject } from './strict-object.ts';

/**
 * How a ProxySQL is to serve a topology.
 *
 * @example
 * const options: ProxysqlConfigOptions = { proxy: '127.0.0.1:6033', firstHostgroup: 100 };
 * const { sql } = proxysqlConfig(document, options);
 */
export interface ProxysqlConfigOptions {
  /** Where services reach it: `host:port`. */
  proxy: string;
  /** Of the URLs that lead to it: needed where it is on another machine than a service. Default: none is written. */
  tls?: 'off' | 'verify';
  /**
   * The first of its hostgroups: each shard has two, in the order of the document, so that new shards come last.
   * Default 1,000.
   */
  firstHostgroup?: number;
  /** The first of its rules, one a user. They must come before all others. Default 1. */
  firstRule?: number;
}

const number = z.int().min(0).max(1_000_000_000);

const settings = strictObject({
  proxy: z
    .string()
    .refine((text) => placeOf(text) !== undefined, 'is not host:port; write 127.0.0.1:6033'),
  tls: z.enum(['off', 'verify']).optional(),
  firstHostgroup: number.default(1_000),
  firstRule: number.default(1),
}).refine(({ proxy, tls }) => tls !== undefined || isThisMachine(placeOf(proxy) ?? ''), {
  path: ['tls'],
  message:
    "is missing for a proxy on another machine; say 'verify', or 'off' where nobody can listen between",
});

export type ProxysqlSettings = z.output<typeof settings>;

export function readProxysqlOptions(
  options: ProxysqlConfigOptions,
  problems: Problem[],
): ProxysqlSettings | undefined {
  return parseInto(settings, options, '', problems);
}

/** The host of `host:port`. */
function placeOf(text: string): string | undefined {
  const url = `mysql://${text}`;
  if (!/^[^\s/?#@]+:\d{1,5}$/.test(text) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname;
}
