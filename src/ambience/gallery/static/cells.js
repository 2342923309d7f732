/** Finds cells of a grid that lie side by side, and draws around them. */

const ROUND = 0.4; // of a cell's side: how far from a corner its rounding begins

const STEPS = [-1, 0, 1];
const AROUND = STEPS.flatMap((across) => STEPS.map((down) => [across, down]));

/**
 * Return outlines of the cells that are chosen, as corners in cells from the top left.
 *
 * @param {*[][]} rows Something for each cell.
 * @param {function(*): boolean} isChosen Of what there is for a cell.
 * @returns {number[][][]}
 */
export function outlines(rows, isChosen) {
  const chosen = rows.map((row) => row.map(isChosen));
  const has = (x, y) => chosen[y]?.[x] ?? false;
  const sides = new Map(); // from a corner to those that follow it, clockwise
  const add = (from, to) => sides.set(`${from}`, [...(sides.get(`${from}`) ?? []), to]);
  chosen.forEach((row, y) =>
    row.forEach((isIn, x) => {
      if (!isIn) return;
      if (!has(x, y - 1)) add([x, y], [x + 1, y]);
      if (!has(x + 1, y)) add([x + 1, y], [x + 1, y + 1]);
      if (!has(x, y + 1)) add([x + 1, y + 1], [x, y + 1]);
      if (!has(x - 1, y)) add([x, y + 1], [x, y]);
    }),
  );
  return [...walks(sides)].map(turns);
}

/**
 * Return the cells of a kind that touch, at sides or corners, each group by itself.
 *
 * @param {string[]} rows A character for each cell.
 * @param {string} kind The character.
 * @returns {number[][][]} Columns and rows.
 */
export function groups(rows, kind) {
  const left = new Set(
    rows.flatMap((row, y) => [...row].flatMap((said, x) => (said === kind ? `${x},${y}` : []))),
  );
  const found = [];
  for (const first of left) {
    left.delete(first);
    const group = [first.split(",").map(Number)];
    for (const [x, y] of group) {
      for (const next of AROUND.map(([across, down]) => [x + across, y + down])) {
        if (left.delete(`${next}`)) group.push(next);
      }
    }
    found.push(group);
  }
  return found;
}

/** Walk along sides until each is used; every walk ends where it began. */
function* walks(sides) {
  for (const [start, ends] of sides) {
    while (ends.length) {
      const walk = [];
      let at = start;
      do {
        const next = sides.get(at).pop();
        walk.push(next);
        at = `${next}`;
      } while (at !== start);
      yield walk;
    }
  }
}

/** Leave out corners at which a walk goes straight on. */
const turns = (walk) =>
  walk.filter(([x, y], i) => {
    const [[a, b], [c, d]] = [walk.at(i - 1), walk[(i + 1) % walk.length]];
    return (x - a) * (d - y) !== (y - b) * (c - x);
  });

/**
 * Return an outline with rounded corners as the data of a path.
 *
 * @param {number[][]} outline In cells.
 * @param {function(number[][]): number[][]} placed Takes corners to where they are drawn.
 */
export function rounded(outline, placed) {
  const parts = outline.map((corner, i) => {
    const [before, after] = [outline.at(i - 1), outline[(i + 1) % outline.length]];
    const [from, at, to] = placed([near(corner, before), corner, near(corner, after)]);
    return `${i ? "L" : "M"}${point(from)}Q${point(at)} ${point(to)}`;
  });
  return `${parts.join("")}Z`;
}

const point = (xy) => xy.map((n) => n.toFixed(1)).join(" ");

/** Return the point a little way from a corner to the next, along straight sides. */
function near(corner, other) {
  return corner.map((n, axis) => n + ROUND * Math.sign(other[axis] - n));
}
