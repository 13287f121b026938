/**
 * The arithmetic of showing a few dozen rows of many thousands. Everything is measured from the end of the timeline: a chat is read from its
 * end, and what has not been measured yet lies above, where a wrong guess moves nothing one can see.
 */

/** A run of rows, end exclusive. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** For each row the distance from the end of the timeline to the row's upper edge, and a closing 0: row i lies between [i] and [i + 1]. */
export function distances(heights: ArrayLike<number>): Float64Array {
  const out = new Float64Array(heights.length + 1);
  for (let i = heights.length - 1; i >= 0; i--) out[i] = (out[i + 1] ?? 0) + (heights[i] ?? 0);
  return out;
}

/** The rows that touch the strip between near and far (both distances from the end, near < far). */
export function rangeBetween(dist: Float64Array, near: number, far: number): Range {
  const rows = dist.length - 1;
  const start = firstBelow(dist, far) - 1;
  const end = firstAtMost(dist, near);
  const from = Math.max(0, Math.min(rows, start));
  return { start: from, end: Math.max(from, Math.min(rows, end)) };
}

/** Index of the first entry smaller than value; dist never grows. */
function firstBelow(dist: Float64Array, value: number): number {
  return bisect(dist, (entry) => entry < value);
}

/** Index of the first entry that is value or smaller. */
function firstAtMost(dist: Float64Array, value: number): number {
  return bisect(dist, (entry) => entry <= value);
}

function bisect(dist: Float64Array, found: (entry: number) => boolean): number {
  let low = 0;
  let high = dist.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (found(dist[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Whether a covers b. */
export function covers(a: Range, b: Range): boolean {
  return a.start <= b.start && a.end >= b.end;
}
