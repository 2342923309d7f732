/** Lays one image over the other where it fits, as far as a slider says. */

import { element } from "./dom.js";

const FRAMED = ["crop", "contains"]; // seen whole, as a frame on the larger one
const HALF = 50; // percent: of whole images, both are seen to begin with

export class Overlay {
  #box;
  #slider = element("input", { type: "range", id: "compare-blend", min: "0", max: "100" });

  /**
   * @param {Stage} stage
   * @param {string} relation
   */
  constructor(stage, relation) {
    const { above, below } = stage.names;
    this.#box = stage.box;
    this.control = element(
      "p",
      { className: "blend" },
      element("span", { className: "end", ariaHidden: "true" }, below),
      this.#slider,
      element("span", { className: "end", ariaHidden: "true" }, above),
    );
    const blend = () => {
      this.#box.style.setProperty("--blend", this.#slider.value / 100);
      this.#slider.ariaValueText = `${this.#slider.value}% ${above}`;
    };
    this.#slider.ariaLabel = `From ${below} to ${above}`;
    this.#slider.value = FRAMED.includes(relation) ? 100 : HALF;
    this.#slider.addEventListener("input", blend);
    blend();
  }
}
