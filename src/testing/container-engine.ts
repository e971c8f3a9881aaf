export function engineIsReachable(): Promise<boolean> {
  return Promise.resolve(false);
}
