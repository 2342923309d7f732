/** Turns a homography between two images into what a browser does to an element. */

/** A size. @typedef {{width: number, height: number}} Size */

/** Return the product of two 3x3 matrices, rows first. */
export function product(a, b) {
  return a.map((row) =>
    [0, 1, 2].map((column) => row.reduce((sum, x, i) => sum + x * b[i][column], 0)),
  );
}

/**
 * Return the CSS transform that lays one image on another.
 *
 * Both are shown in boxes of the same size with the same upper left corner, however many
 * pixels they have: the box of the one that is moved, which has its transform-origin in
 * that corner, is taken to where it lies on the other.
 *
 * @param {number[][]} transform Takes pixels of the one to pixels of the other.
 * @param {{from: Size, to: Size, box: Size}} sizes In pixels of the images, of the page.
 */
export function laidOn(transform, { from, to, box }) {
  const pixels = scaling(from.width / box.width, from.height / box.height);
  const shown = scaling(box.width / to.width, box.height / to.height);
  return matrix3d(product(shown, product(transform, pixels)), box);
}

const scaling = (x, y) => [
  [x, 0, 0],
  [0, y, 0],
  [0, 0, 1],
];

/** Return a homography of the plane as CSS writes it: four columns, the third for z. */
function matrix3d(h, box) {
  // Its scale is free, its sign is not: what has a depth below 0 is not drawn.
  const [x, y, one] = h[2];
  const depth = (x * box.width) / 2 + (y * box.height) / 2 + one;
  const column = (i) => [h[0][i], h[1][i], 0, h[2][i]];
  const written = [...column(0), ...column(1), ...column(2)].map((n) => n / depth);
  written.splice(8, 0, 0, 0, 1, 0);
  // Without exponents: "1e-7" is a number in CSS, too, but long fractions are of no use.
  return `matrix3d(${written.map((n) => n.toFixed(12)).join(", ")})`;
}
