const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);
const ipv6Letters = /^[\da-fA-F:.]+$/;
const zone = /%[\da-zA-Z.:-]+$/;
const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;

/**
 * The canonical text of an IP address: IPv6 as RFC 5952 writes it, without a zone; an IPv4 address
 * that came as IPv6 (`::ffff:203.0.113.7`, as sockets that listen to both report it) as IPv4.
 *
 * @returns undefined when the text is no IP address; a port, brackets or spaces make it none.
 */
export function canonicalIp(text: string): string | undefined {
  if (ipv4.test(text)) return text;
  const address = text.replace(zone, '');
  if (!address.includes(':') || !ipv6Letters.test(address)) return undefined;
  const url = `http://[${address}]/`;
  if (!URL.canParse(url)) return undefined;
  const canonical = new URL(url).hostname.slice(1, -1);
  const [, high, low] = mapped.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return canonical;
  return [high, low].flatMap(bytesOf).join('.');
}

function bytesOf(group: string): [number, number] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}
