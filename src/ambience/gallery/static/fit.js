/** Says which of two images lies on the other, where, and how it is turned for that. */

import { clipped, corners, HERE, inverse, mapped } from "./homography.js";
import { placement, TURNED_DEGREES, WHOLE } from "./measures.js";

/**
 * How one image lies on the other.
 *
 * @typedef {Object} Fit
 * @property {boolean} isQueryBelow Whether the query shows more, so that the image lies on it.
 * @property {number[][]} transform Takes pixels of the one above to the one below.
 * @property {number[][]} fromQuery Takes pixels of the query to the one below.
 * @property {number[][]} below What both show, in pixels of the one below.
 * @property {number[][]} above The same, in pixels of the one above.
 */

/**
 * Return how a query and a match lie on each other; null if that is not known.
 *
 * @param {Object} match
 * @param {{width: number, height: number}} query Its size in pixels.
 * @param {{width: number, height: number}} image
 * @returns {Fit|null}
 */
export function fit(match, query, image) {
  const found = laid(match);
  if (!found) return null;
  const isQueryBelow = match.relation === "contains";
  const transform = isQueryBelow ? inverse(found) : found;
  const [above, below] = isQueryBelow ? [image, query] : [query, image];
  const common = clipped(mapped(transform, corners(above)), below);
  return {
    isQueryBelow,
    transform,
    fromQuery: isQueryBelow ? HERE : found,
    below: common,
    above: mapped(inverse(transform), common),
  };
}

/** Return what takes pixels of the query to pixels of the image. */
function laid(match) {
  if (WHOLE.includes(match.relation)) return HERE;
  return match.evidence.overlay?.transform ?? placement(match)?.transform ?? null;
}

/** Return what is done to the one above, for the eye: "mirrored and turned", or "". */
export function turned({ transform, above }) {
  const middle = [0, 1].map((axis) => mean(above.map((corner) => corner[axis])));
  const [x, y] = middle;
  const [at, right, down] = mapped(transform, [middle, [x + 1, y], [x, y + 1]]);
  const across = [right[0] - at[0], right[1] - at[1]];
  const along = [down[0] - at[0], down[1] - at[1]];
  const isMirrored = across[0] * along[1] < across[1] * along[0];
  // What is mirrored left to right leads to the left, and is not turned for that.
  const degrees = (Math.atan2(across[1], isMirrored ? -across[0] : across[0]) * 180) / Math.PI;
  const isTurned = Math.abs(degrees) >= TURNED_DEGREES;
  return [isMirrored && "mirrored", isTurned && "turned"].filter(Boolean).join(" and ");
}

const mean = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
