/** What is searched with, and the answer to it. */

import { imageFile, imageRecord, Problem, reverseSearch } from "./api.js";

/** A search with a file that the user gave. */
export class FileQuery {
  constructor(file) {
    this.name = file.name || "Pasted image";
    this.byteCount = file.size;
    this.preview = URL.createObjectURL(file);
    this.except = null;
    this.answer = reverseSearch(file, this.name);
    this.answer.catch(() => {}); // whoever shows it says why
  }

  /** Let go of the file. */
  forget() {
    URL.revokeObjectURL(this.preview);
  }
}

/** A search with an image of the library, which itself is left out of the answer. */
export class ImageQuery {
  constructor(id) {
    this.name = `Image ${id}`;
    this.byteCount = null;
    this.preview = `images/${id}/thumbnail`;
    this.except = id;
    this.answer = this.#ask(id);
    this.answer.catch(() => {});
  }

  forget() {}

  async #ask(id) {
    const record = await imageRecord(id);
    this.name = record.name || this.name;
    this.byteCount = record.byte_count;
    if (!record.has_file) {
      throw new Problem(
        "The file of this image was not kept, so there is nothing to search with.",
      );
    }
    const found = await reverseSearch(await imageFile(id), this.name);
    const others = found.matches.filter((match) => match.image_id !== id);
    return { ...found, matches: others };
  }
}
