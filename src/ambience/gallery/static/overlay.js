/** Lays the query over the image where it fits, as far as a slider says. */

import { element } from "./dom.js";
import { laidOn } from "./homography.js";

export class Overlay {
  #laid;
  #placed;
  #from;
  #onto;

  /**
   * @param {{view: string}} query
   * @param {{width: number, height: number}} size Of the query, in pixels.
   * @param {Picture} onto The image.
   * @param {{transform: number[][], query_region: number[][]}} placed Where it fits.
   */
  constructor(query, size, onto, placed) {
    this.#placed = placed;
    this.#from = size;
    this.#onto = onto;
    this.#laid = element("img", {
      className: "laid",
      alt: "",
      draggable: false,
      src: query.view,
    });
    onto.box.append(element("div", { className: "clip" }, this.#laid));
    this.control = this.#slider();
  }

  /** Put it where it belongs, at the present size of the picture. */
  fit() {
    const { width, height } = this.#onto.box.getBoundingClientRect();
    if (!width || !height) return;
    const sizes = { from: this.#from, to: this.#onto.size, box: { width, height } };
    const { transform, query_region: region } = this.#placed;
    this.#laid.style.transform = laidOn(transform, region, sizes);
  }

  #slider() {
    const slider = element("input", {
      type: "range",
      id: "compare-blend",
      min: "0",
      max: "100",
      value: "0",
    });
    const blend = () => {
      this.#laid.style.opacity = slider.value / 100;
      slider.ariaValueText = `${slider.value}% query`;
    };
    slider.addEventListener("input", blend);
    blend();
    return element(
      "p",
      { className: "blend" },
      element("label", { htmlFor: slider.id }, "Lay the query over the image"),
      slider,
    );
  }
}
