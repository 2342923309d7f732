/** Shows one image lying on another, as large as fits; views say how both are seen. */

import { element } from "./dom.js";
import { turned } from "./fit.js";
import { area, laidOn } from "./homography.js";

const WHOLE = 0.98; // of a picture: what is left is the breadth of an outline

export class Stage {
  #fit;
  #above;
  #below;
  #laid = element("img", { className: "laid", draggable: false });

  /** What lies above; a view may cut it. */
  clip = element("div", { className: "clip" }, this.#laid);

  /**
   * @param {Fit} fit
   * @param {Picture} above
   * @param {Picture} below A picture of its own: the stage takes it.
   */
  constructor(fit, above, below) {
    this.#fit = fit;
    this.#above = above;
    this.#below = below;
    this.box = below.box;
    this.root = element("figure", { className: "layers" }, this.#caption(), below.room);
  }

  /** What the one above is called; and the one below. */
  get names() {
    return { above: this.#above.title, below: this.#below.title };
  }

  /** Lay the one above on it, once both can be shown. */
  begin() {
    this.#laid.alt = `${this.#above.title}: ${this.#above.name}`;
    this.#laid.src = this.#above.source;
    this.box.append(this.clip);
    this.#below.outline(this.#fit.below);
    const { width, height } = this.#below.size;
    const share = area(this.#fit.below) / (width * height);
    this.box.classList.toggle("whole", share > WHOLE);
  }

  /** Put it where it belongs, at the present size of the page. */
  fit() {
    const box = this.size;
    if (!box.width || !box.height) return;
    const sizes = { from: this.#above.size, to: this.#below.size, box };
    this.#laid.style.transform = laidOn(this.#fit.transform, this.#fit.above, sizes);
  }

  /** Its size on the page. */
  get size() {
    const { width, height } = this.box.getBoundingClientRect();
    return { width, height };
  }

  /** Return where on the page points are, in pixels of the one below. */
  placed(points) {
    const box = this.size;
    const { width, height } = this.#below.size;
    return points.map(([x, y]) => [(x * box.width) / width, (y * box.height) / height]);
  }

  /** Return the upright box around what both show, in shares of the one below. */
  get common() {
    const { width, height } = this.#below.size;
    const across = this.#fit.below.map(([x]) => x / width);
    const down = this.#fit.below.map(([, y]) => y / height);
    return {
      left: Math.min(...across),
      right: Math.max(...across),
      top: Math.min(...down),
      bottom: Math.max(...down),
    };
  }

  #caption() {
    const done = turned(this.#fit);
    const name = (picture) =>
      element("span", { className: "card-name", title: picture.title }, picture.name);
    return element(
      "figcaption",
      {},
      name(this.#above),
      element("span", { className: "facts" }, done ? `${done}, laid over` : "laid over"),
      name(this.#below),
    );
  }
}
