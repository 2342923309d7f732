/** Ways of looking at a query and a match, and which of them shows a relation best. */

import { byId } from "./dom.js";
import { seenOf } from "./measures.js";

const BEST = {
  mirrored: "wipe",
  rotated: "wipe",
  crop: "overlay",
  contains: "overlay",
  edited: "difference",
  same_scene: "difference",
  same_template: "difference",
};

/** Return the view that shows best what a match is to its query. */
export function best(match) {
  const view = BEST[match.relation] ?? "sides";
  // Where nobody has looked at the pixels, the eye does.
  return view === "difference" && !seenOf(match) ? "wipe" : view;
}

/** The choice between views, which the page holds ready. */
export class Views {
  #choice = byId("compare-views");

  /** @param {function(string): void} onChosen Called with the view that a person chose. */
  constructor(onChosen) {
    this.#choice.addEventListener("change", ({ target }) => onChosen(target.value));
  }

  /** Show which view is seen; null: there is nothing to choose. */
  show(view) {
    this.#choice.classList.toggle("off", view === null);
    for (const input of this.#choice.elements) input.checked = input.value === view;
  }
}
