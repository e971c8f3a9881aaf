/**
 * The index to wait at, after one of Consul's answers: 0 stands for none, and is never sent. One that went back
 * is of a server that was restored or lost its state: waiting at the old one would miss what changes, waiting
 * at the new one would believe it.
 *
 * Source: Consul's documentation of blocking queries, "Implementation Details".
 */
export function indexAfter(before: number, header: string | undefined): number {
  if (header === undefined || !/^\d{1,15}$/.test(header)) return 0;
  const index = Number(header);
  return index < before ? 0 : index;
}
