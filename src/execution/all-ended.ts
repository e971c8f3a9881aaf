/** Every part is waited for, so that none goes on behind the caller's back; then the first failure is thrown. */
export async function allEnded<const T extends readonly Promise<unknown>[]>(parts: T) {
  await Promise.allSettled(parts);
  return Promise.all(parts);
}
