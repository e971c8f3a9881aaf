import { networkInterfaces } from 'node:os';

/** Whether what is sent to a host stays on this machine: `localhost`, 127.0.0.0/8, ::1, or an address of its own. */
export function isThisMachine(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name)) return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === name),
  );
}
