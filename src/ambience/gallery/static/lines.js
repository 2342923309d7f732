/** Draws which points of the query are which of the image, across both pictures. */

import { drawn, element } from "./dom.js";
import { Problem } from "./api.js";
import { counted } from "./words.js";

const MOST = 100; // more lines hide what they join
const DOT = 3; // pixels of the page: a dot's radius
const HUES = 300; // degrees: from red to violet, so that the ends differ

export class Lines {
  #across;
  #query;
  #image;
  #pairs = [];
  #said = element("span", { className: "lines-said", role: "status" });
  #switch = element("input", { type: "checkbox", id: "compare-lines" });

  /** What is drawn; where it lies, it covers both pictures. */
  root = drawn("svg", { class: "lines", "aria-hidden": "true" });

  control = element(
    "p",
    { className: "lines-control" },
    element("label", {}, this.#switch, "Join the points that match"),
    this.#said,
  );

  /**
   * @param {Element} across What holds both pictures; lines are drawn in it.
   * @param {Picture} query
   * @param {Picture} image
   */
  constructor(across, query, image) {
    this.#across = across;
    this.#query = query;
    this.#image = image;
    across.append(this.root);
    for (const picture of [query, image]) {
      picture.box.tabIndex = 0;
      picture.box.role = "group";
      picture.box.ariaLabel = `${picture.title}, outlined where both show the same`;
    }
  }

  /** Draw the pairs of points once they are there. @param {Promise<number[][]>} pairs */
  async follow(pairs) {
    this.#said.textContent = "Looking for them…";
    try {
      this.#take(await pairs);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#lack(`The lines can't be drawn. ${error.message}`);
    }
  }

  /** Put the lines where they belong, at the present size of the pictures. */
  fit() {
    const from = place(this.#query, this.#across);
    const to = place(this.#image, this.#across);
    const made = this.#pairs.map(([x, y, u, v], index) => {
      const [x1, y1] = from(x, y);
      const [x2, y2] = to(u, v);
      const hue = Math.round((index * HUES) / this.#pairs.length);
      return drawn(
        "g",
        { stroke: `hsl(${hue} 90% 62%)`, fill: `hsl(${hue} 90% 62%)` },
        drawn("line", { x1, y1, x2, y2 }),
        drawn("circle", { cx: x1, cy: y1, r: DOT }),
        drawn("circle", { cx: x2, cy: y2, r: DOT }),
      );
    });
    this.root.replaceChildren(...made);
  }

  #take(pairs) {
    if (!pairs?.length) {
      this.#lack("Which points match was not answered.");
      return;
    }
    this.#pairs = chosen(pairs);
    const all = counted(pairs.length, "point");
    this.#said.textContent =
      this.#pairs.length < pairs.length ? `${this.#pairs.length} of ${all}` : all;
    this.fit();
  }

  #lack(sentence) {
    this.#switch.checked = false;
    this.#switch.disabled = true;
    this.#said.textContent = sentence;
  }
}

/** Return at most so many pairs as can be drawn, from all over the query. */
export function chosen(pairs) {
  const sorted = pairs.toSorted(([x, y], [u, v]) => x - u || y - v);
  if (sorted.length <= MOST) return sorted;
  const every = sorted.length / MOST;
  return Array.from({ length: MOST }, (_, i) => sorted[Math.floor((i + 0.5) * every)]);
}

/** Return what takes a picture's pixels to where they are shown. */
function place(picture, across) {
  const box = picture.box.getBoundingClientRect();
  const from = across.getBoundingClientRect();
  const { width, height } = picture.size;
  return (x, y) => [
    box.left - from.left + (x / width) * box.width,
    box.top - from.top + (y / height) * box.height,
  ];
}
