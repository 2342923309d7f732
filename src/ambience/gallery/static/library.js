/** Holds the list of images as far as it was asked for, and asks for more. */

import { imagePage, Problem } from "./api.js";

const FIRST = 200; // images: soon there, and more than a screen holds
const MORE = 1000; // the most that the gateway sends at once
const PAUSE_MS = 5000; // after a failure, until it is tried again

/**
 * The images known so far, newest first: `{id, name, width, height, shownAt, missing}`.
 *
 * Fires "more" when images came at the end, "replaced" when any may be different, and
 * "problem" with a sentence.
 */
export class Library extends EventTarget {
  images = [];
  total = 0;
  complete = false;
  started = false;
  #after = null;
  #places = new Map();
  #asking = null;

  /** Return the place of an image in the list, or -1. */
  indexOf(id) {
    return this.#places.get(id) ?? -1;
  }

  /** Ask for the images that follow; a call while that lasts adds nothing. */
  more() {
    this.#asking ??= this.#carefully(async () => {
      if (this.complete) return null;
      const limit = this.images.length ? MORE : FIRST;
      this.#take(await imagePage({ limit, after: this.#after }));
      return "more";
    });
    return this.#asking;
  }

  /** Ask again for all that is known, since it has changed. */
  async refresh() {
    await this.#asking;
    this.#asking ??= this.#carefully(async () => {
      const wanted = Math.max(this.images.length, FIRST);
      const fresh = new Library();
      do {
        const limit = Math.min(MORE, wanted - fresh.images.length);
        fresh.#take(await imagePage({ limit, after: fresh.#after }));
      } while (!fresh.complete && fresh.images.length < wanted);
      this.images = fresh.images;
      this.total = fresh.total;
      this.complete = fresh.complete;
      this.started = true;
      this.#after = fresh.#after;
      this.#places = fresh.#places;
      return "replaced";
    });
    return this.#asking;
  }

  #take(page) {
    for (const image of page.images) {
      this.#places.set(image.image_id, this.images.length);
      this.images.push({
        id: image.image_id,
        name: image.name,
        width: image.width,
        height: image.height,
        shownAt: image.shown_at,
        missing: image.missing,
      });
    }
    this.total = page.total;
    this.#after = page.after;
    this.complete = page.after === null;
    this.started = true;
  }

  /** Do what says what is to be told; whoever is told may ask again at once. */
  async #carefully(work) {
    try {
      const what = await work();
      this.#asking = null;
      if (what !== null) this.#tell(what);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#tell("problem", error.message);
      setTimeout(() => {
        this.#asking = null;
        this.#tell("retry");
      }, PAUSE_MS);
    }
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}
