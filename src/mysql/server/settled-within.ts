/** Waits for work that never rejects, but no longer than so many milliseconds. */
export async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  let patience: NodeJS.Timeout | undefined;
  const impatient = new Promise<void>((resolve) => {
    patience = setTimeout(resolve, ms);
  });
  await Promise.race([work, impatient]);
  clearTimeout(patience);
}
