/** Shows one image large, with what is known of it. */

import { fileOf, imageRecord, Problem, thumbnailOf, viewOf } from "./api.js";
import { become, hash, leave, place } from "./address.js";
import { byId, element } from "./dom.js";
import { bytes, moment, pixels, title } from "./words.js";

const SWIPE = 50; // pixels that a finger moves sideways at least

export class Viewer {
  #dialog = byId("viewer");
  #shown = byId("viewer-shown");
  #note = byId("viewer-note");
  #id = null;
  #neighbors;
  #known;

  /**
   * @param {function(number): {before: number|null, after: number|null}} neighbors
   *   Says which images lie beside one.
   * @param {function(number): {width: number, height: number}|undefined} known
   *   Says what the page knows of an image already.
   */
  constructor(neighbors, known) {
    this.#neighbors = neighbors;
    this.#known = known;
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault(); // the address closes it
      leave("image");
    });
    // Browsers may close it themselves: the address follows.
    this.#dialog.addEventListener("close", () => this.#id !== null && leave("image"));
    this.#dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.#dialog.addEventListener("click", (event) => this.#clicked(event));
    this.#listenToSwipes(byId("viewer-stage"));
  }

  /** Show an image, or none. */
  show(id) {
    if (id === this.#id) return;
    this.#id = id;
    if (id === null) {
      this.#dialog.close();
      this.#shown.replaceChildren();
      document.title = "ambience";
      return;
    }
    this.#draw(id);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#describe(id);
  }

  #draw(id) {
    const small = element("img", { alt: "", draggable: false, src: thumbnailOf(id) });
    const large = element("img", { alt: "", draggable: false, className: "large" });
    large.addEventListener("load", () => {
      large.classList.add("there");
      this.#preload(id);
    });
    large.src = viewOf(id);
    this.#shown.replaceChildren(small, large);
    this.#fit(this.#known(id));
    this.#note.hidden = true;
    byId("viewer-name").textContent = `Image ${id}`;
    byId("viewer-facts").textContent = "\u00a0";
    byId("viewer-file").href = fileOf(id);
    byId("viewer-similar").href = hash({ similar: id });
    const { before, after } = this.#neighbors(id);
    this.#button("before").disabled = before === null;
    this.#button("after").disabled = after === null;
  }

  async #describe(id) {
    let image;
    try {
      image = await imageRecord(id);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (id === this.#id) this.#lack(error.message);
      return;
    }
    if (id !== this.#id) return;
    const name = title({ ...image, id });
    this.#fit(image);
    this.#shown.lastChild.alt = name;
    document.title = `${name} – ambience`;
    byId("viewer-name").textContent = name;
    byId("viewer-facts").textContent = [
      moment(image.shown_at),
      pixels(image.width, image.height),
      bytes(image.byte_count),
    ].join(" · ");
    byId("viewer-file").hidden = !image.has_file || image.missing;
    if (!image.has_file) {
      this.#lack("The file of this image was not kept: only what finds it is known.");
    } else if (image.missing) {
      this.#lack(`Its file is no longer at ${image.path}`);
    }
  }

  /** Give the image its place; until its size is known, it is not seen. */
  #fit(image) {
    this.#shown.style.visibility = image ? "visible" : "hidden";
    if (!image) return;
    this.#shown.style.setProperty("--ratio", image.width / image.height);
    this.#shown.style.setProperty("--natural", `${image.width}px`);
  }

  #lack(sentence) {
    this.#note.textContent = sentence;
    this.#note.hidden = false;
  }

  #preload(id) {
    if (id !== this.#id) return;
    const { before, after } = this.#neighbors(id);
    for (const near of [after, before]) {
      if (near !== null) new Image().src = viewOf(near);
    }
  }

  #step(side) {
    const next = this.#neighbors(this.#id)[side];
    if (next !== null) become({ ...place(), image: next });
  }

  #pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowLeft") this.#step("before");
    if (event.key === "ArrowRight") this.#step("after");
  }

  #clicked(event) {
    const does = event.target.closest("[data-does]")?.dataset.does;
    if (does === "close") leave("image");
    else if (does) this.#step(does);
    else if (event.target.id === "viewer-stage") leave("image");
  }

  #listenToSwipes(stage) {
    let start = null;
    stage.addEventListener("pointerdown", (event) => {
      start = event.pointerType === "touch" && event.isPrimary ? event : null;
    });
    stage.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const across = event.clientX - start.clientX;
      const along = event.clientY - start.clientY;
      start = null;
      if (Math.abs(across) < SWIPE || Math.abs(across) < 2 * Math.abs(along)) return;
      this.#step(across > 0 ? "before" : "after");
    });
  }

  #button(does) {
    return this.#dialog.querySelector(`[data-does=${does}]`);
  }
}
