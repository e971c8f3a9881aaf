/**
 * How servers that speak TLS are believed, and how this process shows who it is.
 *
 * @example
 * const mysql: TlsOptions = { ca: '/etc/tls/ca.pem', cert: '/etc/tls/app.pem', key: '/etc/tls/app-key.pem' };
 * await createDataLayer({ ...options, tls: { mysql } });
 */
export interface TlsOptions {
  /**
   * The authorities whose certificates are believed, and no others: PEM text, or the path of a PEM file.
   * Default: those of Node, with the file that `NODE_EXTRA_CA_CERTS` names.
   */
  ca?: string | undefined;
  /** The certificate of this process, where servers ask for one: PEM text, or the path of a PEM file. Default: none. */
  cert?: string | undefined;
  /** The private key of `cert`, without a passphrase: PEM text, or the path of a PEM file. */
  key?: string | undefined;
  /** The oldest version of TLS that is spoken. Default `TLSv1.3`. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}
