/** Shows two pictures beside each other, outlined where both show the same. */

import { element } from "./dom.js";
import { Lines } from "./lines.js";
import { unplaced } from "./measures.js";

export class Sides {
  #ours;
  #theirs;
  #placed;
  #lines = null;

  /** What is seen. */
  root;

  /**
   * @param {Object} match
   * @param {Object|null} placed What keypoints say of where the query lies.
   * @param {Picture} ours
   * @param {Picture} theirs
   */
  constructor(match, placed, ours, theirs) {
    this.#ours = ours;
    this.#theirs = theirs;
    this.#placed = placed;
    this.root = element("div", { className: "pair" }, ours.root, theirs.root);
    this.control = element("div", { className: "joining" });
    if (placed) theirs.outline(placed.image_region);
    else this.control.append(element("p", {}, unplaced(match)));
  }

  /** Join the points that fit, once both can be shown. @param {Promise<number[][]>} pairs */
  join(pairs) {
    if (!this.#placed) return;
    this.#ours.outline(this.#placed.query_region);
    this.#lines = new Lines(this.root, this.#ours, this.#theirs);
    this.control.append(this.#lines.control);
    this.#lines.follow(pairs());
  }

  fit() {
    this.#lines?.fit();
  }
}
