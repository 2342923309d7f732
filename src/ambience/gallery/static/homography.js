/** Takes points from one image to another, and elements to where they lie on it. */

/** A size. @typedef {{width: number, height: number}} Size */

/** What leaves everything where it is. */
export const HERE = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** Return the product of two 3x3 matrices, rows first. */
export function product(a, b) {
  return a.map((row) =>
    [0, 1, 2].map((column) => row.reduce((sum, x, i) => sum + x * b[i][column], 0)),
  );
}

/** Return the homography that takes points back; its scale is free. */
export function inverse([[a, b, c], [d, e, f], [g, h, i]]) {
  return [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ];
}

/** Return where a homography takes points. */
export function mapped(transform, points) {
  return points.map(([x, y]) => {
    const [across, down, depth] = transform.map(([a, b, c]) => a * x + b * y + c);
    return [across / depth, down / depth];
  });
}

/** Return the area of a polygon. */
export function area(polygon) {
  const doubled = polygon.map(([x, y], i) => {
    const [u, v] = polygon.at(i - 1);
    return u * y - x * v;
  });
  return Math.abs(doubled.reduce((sum, n) => sum + n, 0)) / 2;
}

/** Return the corners of an image, from the top left. @param {Size} size */
export const corners = ({ width, height }) => [
  [0, 0],
  [width, 0],
  [width, height],
  [0, height],
];

/**
 * Return the part of a convex polygon within an image.
 *
 * Sutherland and Hodgman, https://doi.org/10.1145/360767.360802
 */
export function clipped(polygon, { width, height }) {
  const sides = [
    ([x]) => x,
    ([x]) => width - x,
    ([, y]) => y,
    ([, y]) => height - y,
  ];
  return sides.reduce(
    (left, depth) => left.flatMap((end, i) => step(left.at(i - 1), end, depth)),
    polygon,
  );
}

/** Return what is left of a polygon's side that comes to an end. */
function step(start, end, depth) {
  const [from, to] = [depth(start), depth(end)];
  const kept = to >= 0 ? [end] : [];
  if (from < 0 === to < 0) return kept;
  const share = from / (from - to);
  return [start.map((n, axis) => n + share * (end[axis] - n)), ...kept];
}

/**
 * Return the CSS transform that lays one image on another.
 *
 * Both are shown in boxes of the same size with the same upper left corner, however many
 * pixels they have: the box of the one that is moved, which has its transform-origin in
 * that corner, is taken to where it lies on the other.
 *
 * @param {number[][]} transform Takes pixels of the one to pixels of the other.
 * @param {number[][]} region What both show, in pixels of the one.
 * @param {{from: Size, to: Size, box: Size}} sizes In pixels of the images, of the page.
 */
export function laidOn(transform, region, { from, to, box }) {
  const pixels = scaling(from.width / box.width, from.height / box.height);
  const shown = scaling(box.width / to.width, box.height / to.height);
  // Its scale is free, its sign is not: what has a depth below 0 is not drawn.
  const scaled = over(transform, depth(transform, region));
  return matrix3d(product(shown, product(scaled, pixels)));
}

const scaling = (x, y) => [
  [x, 0, 0],
  [0, y, 0],
  [0, 0, 1],
];

const over = (matrix, n) => matrix.map((row) => row.map((entry) => entry / n));

/** Return how far away, on average, a homography takes the corners of a region. */
function depth([, , [x, y, one]], region) {
  const depths = region.map(([across, down]) => x * across + y * down + one);
  return depths.reduce((sum, n) => sum + n, 0) / depths.length;
}

/** Return a homography of the plane as CSS writes it: four columns, the third for z. */
function matrix3d(h) {
  const column = (i) => [h[0][i], h[1][i], 0, h[2][i]];
  const columns = [...column(0), ...column(1), 0, 0, 1, 0, ...column(2)];
  return `matrix3d(${columns.map((n) => n.toFixed(12)).join(", ")})`;
}
