/** What is searched with, and the answer to it. */

import {
  imageRecord,
  pointPairs,
  pointPairsById,
  reverseSearch,
  reverseSearchById,
  thumbnailOf,
  viewOf,
} from "./api.js";

/**
 * What all searches have in common.
 *
 * They have a `name`, a `preview` and a larger `view` to show, a `size` in pixels once it
 * is known without showing it, and the promise of an `answer`.
 */
class Query {
  #pairs = null;

  /** Return which points fit, by the image's id; asked once, for all matches. */
  pointPairs() {
    this.#pairs ??= this.askForPairs().catch((error) => {
      this.#pairs = null; // whoever comes next may have more luck
      throw error;
    });
    return this.#pairs;
  }
}

/** A search with a file that the user gave. */
export class FileQuery extends Query {
  #file;

  constructor(file) {
    super();
    this.#file = file;
    this.name = file.name || "Pasted image";
    this.byteCount = file.size;
    this.size = null;
    this.preview = URL.createObjectURL(file);
    this.view = this.preview;
    this.except = null;
    this.answer = reverseSearch(file, this.name);
    this.answer.catch(() => {}); // whoever shows it says why
  }

  askForPairs() {
    return pointPairs(this.#file, this.name);
  }

  /** Let go of the file. */
  forget() {
    URL.revokeObjectURL(this.preview);
  }
}

/** A search with an image of the library, which itself is left out of the answer. */
export class ImageQuery extends Query {
  constructor(id) {
    super();
    this.name = `Image ${id}`;
    this.byteCount = null;
    this.size = null;
    this.preview = thumbnailOf(id);
    this.view = viewOf(id);
    this.except = id;
    this.answer = this.#ask(id);
    this.answer.catch(() => {});
  }

  askForPairs() {
    return pointPairsById(this.except);
  }

  forget() {}

  async #ask(id) {
    const record = await imageRecord(id);
    this.name = record.name || this.name;
    this.byteCount = record.byte_count;
    this.size = { width: record.width, height: record.height };
    return reverseSearchById(id);
  }
}
