/** Marks on a picture where two images differ, and says how much agrees. */

import { groups, outlines, rounded } from "./cells.js";
import { drawn, element } from "./dom.js";
import { mapped } from "./homography.js";
import { seenOf, WHOLE } from "./measures.js";
import { counted, sentence } from "./words.js";

const [DIFFERS, UNSURE, BLANK] = "x?.";
const MOST = 12; // regions are answered at most

/** What is marked: which cells, how, and what the legend says of it. */
const MARKS = [
  { name: "blank", said: "Too plain to compare" },
  { name: "spot", said: "Small spot that differs" },
  { name: "place", said: "Place that differs" },
];

export class Difference {
  #stage;
  #seen;
  #fit;
  #paths = new Map();
  #marks = drawn("svg", { class: "marks", "aria-hidden": "true" }, patterns());

  /**
   * @param {Stage} stage
   * @param {Object} match
   * @param {Fit} fit How they lie on each other.
   */
  constructor(stage, match, fit) {
    this.#stage = stage;
    this.#seen = seenOf(match);
    this.#fit = fit;
    this.control = element(
      "div",
      { className: "difference" },
      element("p", { className: "verdict" }, verdict(match)),
    );
    if (!this.#seen) return;
    const kinds = kindsOf(this.#seen);
    for (const { name } of MARKS) {
      const drawing = outlines(kinds, (kind) => kind === name);
      if (drawing.length) this.#paths.set(name, { drawing, made: marked(name) });
    }
    this.#marks.append(...[...this.#paths.values()].flatMap(({ made }) => made));
    this.control.append(element("div", { className: "reading" }, this.#legend(), this.#choice()));
  }

  /** Put in the marks, once both can be shown. */
  begin() {
    this.#stage.box.append(this.#marks);
  }

  /** Mark the cells, at the present size of the picture. */
  fit() {
    const { width, height } = this.#stage.size;
    if (!this.#seen || !width || !height) return;
    const onQuery = grid(this.#seen.map);
    const placed = (cells) => this.#stage.placed(mapped(this.#fit.fromQuery, cells.map(onQuery)));
    for (const { drawing, made } of this.#paths.values()) {
      const d = drawing.map((outline) => rounded(outline, placed)).join("");
      for (const path of made) path.setAttribute("d", d);
    }
  }

  #legend() {
    const rows = MARKS.filter(({ name }) => this.#paths.has(name)).toReversed();
    return element(
      "ul",
      { className: "legend", ariaLabel: "What is marked" },
      ...rows.map(({ name, said }) => element("li", {}, swatch(name), said)),
      element("li", {}, swatch("common"), "What both show"),
    );
  }

  /** Return the choice which of both is seen under the marks: at first, the query. */
  #choice() {
    const { above, below } = this.#stage.names;
    const show = (isAbove) => this.#stage.box.style.setProperty("--under", isAbove ? 1 : 0);
    const option = (title, isAbove) => {
      const checked = isAbove !== this.#fit.isQueryBelow;
      const input = element("input", { type: "radio", name: "compare-under", checked });
      if (checked) show(isAbove);
      input.addEventListener("change", () => show(isAbove));
      return element("label", {}, input, element("span", {}, title));
    };
    return element(
      "fieldset",
      { className: "segments" },
      element("legend", { className: "unseen" }, "Picture under the marks"),
      option(below, false),
      option(above, true),
    );
  }
}

/** Return what takes corners of cells to pixels of the query. */
function grid({ box: [left, top, width, height], cells }) {
  const [across, down] = [width / cells[0].length, height / cells.length];
  return ([column, row]) => [left + column * across, top + row * down];
}

/** Return how each cell is marked, if it is. */
function kindsOf({ map, regions }) {
  const kinds = map.cells.map((row) => [...row].map((said) => (said === BLANK ? "blank" : null)));
  const largest = groups(map.cells, DIFFERS).toSorted((a, b) => b.length - a.length);
  largest.forEach((group, i) => {
    const kind = i < regions.length ? "place" : "spot"; // regions are around the largest
    for (const [x, y] of group) kinds[y][x] = kind;
  });
  const isPlace = (x, y) => kinds[y]?.[x] === "place";
  const between = map.cells.map((row, y) =>
    [...row].map((said, x) => {
      const isBetween =
        (isPlace(x - 1, y) && isPlace(x + 1, y)) || (isPlace(x, y - 1) && isPlace(x, y + 1));
      return isBetween && [BLANK, UNSURE].includes(said);
    }),
  );
  // What says nothing and lies between cells that differ is marked with them.
  return kinds.map((row, y) => row.map((kind, x) => (between[y][x] ? "place" : kind)));
}

/** Return in a sentence how much agrees, or why nobody knows. */
export function verdict(match) {
  if (WHOLE.includes(match.relation)) return "Both hold the same pixels: nothing differs.";
  const why = match.evidence.overlay?.unchecked;
  if (why) return sentence(`The pixels were not compared: ${why}`);
  const seen = seenOf(match);
  if (!seen) return "The pixels were not compared.";
  if (seen.agrees === 1) return "All that can be compared agrees: no place differs.";
  // Rounded as the summary rounds it, but never to all.
  const rounded = (agrees) => Math.min(99, Math.round(100 * agrees));
  if (seen.inset && match.relation !== "edited") {
    const { agrees } = seen.inset;
    const share = agrees === 1 ? "All" : `${rounded(agrees)}%`;
    return `${share} of what your image shows of it agrees.`;
  }
  const share = rounded(seen.agrees);
  return `${share}% of what can be compared agrees${places(seen)}`;
}

function places({ regions, differs }) {
  if (regions.length === MOST) return `, and ${MOST} places or more differ.`;
  if (regions.length === 1) return ", and 1 place differs.";
  if (regions.length) return `, and ${counted(regions.length, "place")} differ.`;
  return differs > 0 ? "; only small spots differ." : "; no place differs.";
}

/** Return the paths of a mark: a dark one under it, so that it is seen on any picture. */
const marked = (name) => [
  drawn("path", { class: `mark ${name} under` }),
  drawn("path", { class: `mark ${name}` }),
];

function swatch(name) {
  const shape = { x: 3, y: 3, width: 20, height: 14, rx: 4 };
  return drawn(
    "svg",
    { class: "swatch", viewBox: "0 0 26 20", "aria-hidden": "true" },
    drawn("rect", { class: `mark ${name} under`, ...shape }),
    drawn("rect", { class: `mark ${name}`, ...shape }),
  );
}

/** Return the fillings of marks, which style sheets name. */
function patterns() {
  const pattern = (id, size, turned, ...shapes) =>
    drawn(
      "pattern",
      {
        id,
        width: size,
        height: size,
        patternUnits: "userSpaceOnUse",
        patternTransform: `rotate(${turned})`,
      },
      ...shapes,
    );
  return drawn(
    "defs",
    {},
    pattern(
      "compare-stripes",
      12,
      45,
      drawn("rect", { class: "stripe dark", width: 1, height: 12 }),
      drawn("rect", { class: "stripe", x: 1, width: 1.25, height: 12 }),
    ),
    pattern(
      "compare-dots",
      9,
      45,
      drawn("circle", { class: "dot dark", cx: 4.5, cy: 4.5, r: 1.3 }),
      drawn("circle", { class: "dot", cx: 4.5, cy: 4.5, r: 0.7 }),
    ),
  );
}
