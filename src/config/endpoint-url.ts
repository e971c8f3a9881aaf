import { isThisMachine } from '../tls/this-machine.ts';

/** Where one database server listens and how to log in. */
export interface EndpointAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `verify`: TLS with the certificate checked against authorities and the host. */
  readonly tls: 'off' | 'verify';
  /** `proxysql`: a ProxySQL listens there, which leads each user to the servers of one shard. */
  readonly via?: 'proxysql' | undefined;
}

/**
 * Reads `mysql://user:password@host:port/database?tls=verify`. Returns a message instead of an
 * address when it is wrong; the message repeats no part of the URL, which may be of a password.
 */
export function readEndpointUrl(text: string): EndpointAddress | string {
  // What is in a password is percent-encoded, so these are none of it.
  if (text.includes('#')) {
    return 'holds a #, behind which nothing is read; write ?tls=verify, and %23 for a # in a password';
  }
  const behind = /[/?].*$/s.exec(text.replace(/^[^:]*:\/\//, ''))?.[0] ?? '';
  if (behind.includes('@')) {
    return 'holds an @ behind its host; write %2F for a / in a password, %3F for a ? and %40 for an @';
  }
  if (!URL.canParse(text)) return 'is not a URL; write mysql://user:password@host:3306/database';
  const url = new URL(text);
  if (url.protocol !== 'mysql:' && url.protocol !== 'mariadb:') {
    return 'has another protocol than mysql:; write mysql://user:password@host:3306/database';
  }
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(
    decode,
  );
  if (user === undefined || password === undefined || database === undefined) {
    return 'holds a % that begins no percent-encoded character; write %25 for a % itself';
  }
  if (url.hostname === '') return 'has no host';
  if (user === '') return 'has no user; write mysql://user:password@host:3306/database';
  if (database === '' || database.includes('/')) {
    return 'must end in the name of one database: mysql://user:password@host:3306/database';
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const [tls = isThisMachine(host) ? 'off' : undefined, ...more] = url.searchParams.getAll('tls');
  const [via, ...others] = url.searchParams.getAll('via');
  if (more.length > 0) return 'names tls twice; write it once';
  if (others.length > 0) return 'names via twice; write it once';
  if (tls !== undefined && tls !== 'off' && tls !== 'verify')
    return "has an unknown tls mode; use 'off' or 'verify'";
  if (via !== undefined && via !== 'proxysql') {
    return "leads by way of something unknown; only 'via=proxysql' is known";
  }
  for (const name of url.searchParams.keys()) {
    if (name !== 'tls' && name !== 'via') {
      return "has an unknown parameter; only 'tls' and 'via' are known";
    }
  }
  if (tls === undefined) return plaintext;
  return {
    host,
    port: url.port === '' ? 3306 : Number(url.port),
    user,
    password,
    database,
    tls,
    ...(via === 'proxysql' && { via }),
  };
}

/** What is wrong with a URL that leads to another machine and does not say how. */
const plaintext =
  'leads to another machine and does not say whether by TLS; write ?tls=verify, or ?tls=off where nobody can listen between';

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // The error would quote the part, which may be the password.
    return undefined;
  }
}

/**
 * Tells databases apart: by where they are, and where a proxy leads each user elsewhere, by the user too. For
 * comparisons only.
 */
export function databaseKey(address: EndpointAddress): string {
  const label = endpointLabel(address);
  return address.via === undefined ? label : `${address.user} by way of ${label}`;
}

/** `host:port/database`: what logs, errors and `explain` may show. */
export function endpointLabel({ host, port, database }: EndpointAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}
