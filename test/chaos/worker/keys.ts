const named = (group: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${group}-${index}`);

/** Keys of equal load in all: a few that are hot, some that are warm, many that are cold. */
export const keyGroups = [named('hot', 6), named('warm', 40), named('cold', 200)];

export const allKeys = keyGroups.flat();
