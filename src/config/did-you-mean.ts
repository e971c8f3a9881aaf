/** Names longer than that are nobody's slip of the finger. */
const longestName = 64;
/** A hint is worth that much and no more: a document may hold many wrong names beside many right ones. */
const mostCandidates = 64;
const longestShown = 100;

/** Two letters that changed places are all there, so that is nearer than a letter that is another one. */
const swapCost = 0.75;

/**
 * The candidate nearest to a misspelt name, or `undefined` when none is near enough to be meant.
 * Optimal string alignment distance; a third of the name's letters may differ. Of many candidates only
 * the first are looked at.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > longestName) return undefined;
  const letters = name.toLowerCase();
  const mostEdits = Math.floor(name.length / 3);
  let best: string | undefined;
  let bestDistance = mostEdits + 1;
  let looked = 0;
  for (const candidate of candidates) {
    if (looked++ === mostCandidates) break;
    // Each letter that one has more than the other costs one.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = distanceOf(letters, candidate.toLowerCase());
    if (distance < bestDistance && Math.ceil(distance) <= mostEdits) {
      best = candidate;
      bestDistance = distance;
      if (distance === 0) break;
    }
  }
  return best;
}

/** `; did you mean 'shards'?`, or nothing when no candidate is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates);
  return nearest === undefined ? '' : `; did you mean '${nearest}'?`;
}

/** A name of somebody else's as a message shows it. */
export function shownName(name: string): string {
  return name.length <= longestShown ? name : `${name.slice(0, longestShown)}…`;
}

/** Misspelt names have most of their letters in common, at the start and at the end. */
function distanceOf(a: string, b: string): number {
  let start = 0;
  let [endA, endB] = [a.length, b.length];
  while (start < endA && start < endB && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  while (endA > start && endB > start && a.charCodeAt(endA - 1) === b.charCodeAt(endB - 1)) {
    endA--;
    endB--;
  }
  if (start === endA || start === endB) return endA - start + (endB - start);
  return editDistance(a.slice(start, endA), b.slice(start, endB));
}

function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let distance = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
      );
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && swapped) {
        distance = Math.min(distance, (beforePrevious[column - 2] ?? 0) + swapCost);
      }
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
