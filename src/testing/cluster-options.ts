import { didYouMean } from '../config/did-you-mean.ts';
import type { ClusterProvider } from './cluster-plan.ts';
import type { ServerLocation } from './mysql/server-location.ts';
import { TestingError } from './testing-error.ts';

/**
 * What to start.
 *
 * @example
 * const options: LocalClusterOptions<'eu-1'> = { shards: ['eu-1'], replicas: 1, redis: true };
 */
export interface LocalClusterOptions<Name extends string = string> {
  /** One MariaDB or MySQL server each. May be empty when only Redis is wanted. */
  readonly shards: readonly Name[];
  /** Read-only servers per shard that follow its primary by GTID. Default 0. */
  readonly replicas?: number;
  /**
   * Which MariaDB or MySQL program to run. Default: what `MERIDIAN_TEST_MYSQL` names, else the one
   * that is found on this machine. Means `provider: 'process'`.
   */
  readonly mysql?: ServerLocation;
  /**
   * Arguments of each MariaDB or MySQL server, after those that a cluster gives by itself, so that they
   * count: what your servers are set to. Default none.
   *
   * @example
   * startLocalCluster({ shards: ['a'], mysqlArguments: ['--sql-mode=ANSI_QUOTES'] });
   */
  readonly mysqlArguments?: readonly string[];
  /**
   * Whether to start a Redis, and which Redis or Valkey program. Default: `true`, what
   * `MERIDIAN_TEST_REDIS` names, else the one that is found on this machine.
   */
  readonly redis?: boolean | ServerLocation;
  /** Whether each shard gets a `proxy` before its primary, and a `url` through it. Default `false`. */
  readonly proxies?: boolean;
  /**
   * `process`: the `mariadbd` or `mysqld` and `redis-server` of this machine. `container`: through
   * testcontainers. `auto`: processes where the binaries are, else containers. Default: the
   * environment variable `MERIDIAN_TEST_PROVIDER`, else `auto`.
   */
  readonly provider?: ClusterProvider | 'auto';
  /** The database made on each shard. Default `app`. */
  readonly database?: string;
  /** How long each server may take to answer. Default 30 000. */
  readonly startTimeoutMs?: number;
  /** Containers only. Default: `MERIDIAN_MYSQL_IMAGE`, else `mysql:8.4`. MariaDB images do too. */
  readonly mysqlImage?: string;
  /** Containers only. Default: `MERIDIAN_REDIS_IMAGE`, else `redis:7`. */
  readonly redisImage?: string;
  /** Told what is being done, a line at a time. */
  readonly onProgress?: (message: string) => void;
}

interface Rule {
  readonly text: string;
  holds(value: unknown): boolean;
}

const location = '{ file } with the path of a program, or { root } with that of a folder';
const mostReplicas = 20;
/** The longest delay a timer can hold. */
const mostMs = 2 ** 31 - 1;

const isName = (value: unknown) =>
  typeof value === 'string' && value !== '' && value !== '__proto__';

const isArgument = (value: unknown) => typeof value === 'string' && value.startsWith('--');

const image: Rule = {
  text: 'the name of an image',
  holds: (value) => typeof value === 'string' && value !== '',
};

const rules: { readonly [Option in keyof Required<LocalClusterOptions>]: Rule } = {
  shards: {
    text: 'a list of names that are not empty, without repeats',
    holds: (value) =>
      Array.isArray(value) && value.every(isName) && new Set(value).size === value.length,
  },
  replicas: {
    text: `an integer from 0 to ${mostReplicas}`,
    holds: (value) =>
      Number.isInteger(value) && Number(value) >= 0 && Number(value) <= mostReplicas,
  },
  mysql: { text: location, holds: isLocation },
  mysqlArguments: {
    text: "a list of arguments such as '--sql-mode=ANSI_QUOTES'",
    holds: (value) => Array.isArray(value) && value.every(isArgument),
  },
  redis: {
    text: `true, false or ${location}`,
    holds: (value) => typeof value === 'boolean' || isLocation(value),
  },
  proxies: { text: 'true or false', holds: (value) => typeof value === 'boolean' },
  provider: {
    text: "'process', 'container' or 'auto'",
    holds: (value) => value === 'process' || value === 'container' || value === 'auto',
  },
  database: {
    text: 'letters, digits and underscores',
    holds: (value) => typeof value === 'string' && /^\w{1,64}$/.test(value),
  },
  startTimeoutMs: {
    text: `a number of milliseconds above 0, at most ${mostMs}`,
    holds: (value) => typeof value === 'number' && value > 0 && value <= mostMs,
  },
  mysqlImage: image,
  redisImage: image,
  onProgress: { text: 'a function', holds: (value) => typeof value === 'function' },
};

/** @throws TestingError that names the option at fault. */
export function checkClusterOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new TestingError(
      "startLocalCluster takes options: startLocalCluster({ shards: ['a'] }).",
    );
  }
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(rules, option)) continue;
    const known = Object.keys(rules);
    const hint = didYouMean(option, known) || `; known: ${known.join(', ')}.`;
    throw new TestingError(`startLocalCluster: there is no option '${option}'${hint}`, {
      context: { option },
    });
  }
  for (const [option, { text, holds }] of Object.entries(rules)) {
    const value: unknown = Reflect.get(options, option);
    if (holds(value) || (value === undefined && option !== 'shards')) continue;
    throw new TestingError(`startLocalCluster: '${option}' must be ${text}.`, {
      context: { option },
    });
  }
}

function isLocation(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const paths = [Reflect.get(value, 'file'), Reflect.get(value, 'root')].filter(
    (path) => path !== undefined,
  );
  return paths.length === 1 && typeof paths[0] === 'string' && paths[0] !== '';
}
