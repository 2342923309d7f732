/** Shows a query and one match side by side, with what they have in common. */

import { imageRecord, Problem, thumbnailOf, viewOf } from "./api.js";
import { become, hash, leave, place } from "./address.js";
import { byId, element } from "./dom.js";
import { Lines } from "./lines.js";
import { measures, placement, unplaced } from "./measures.js";
import { Overlay } from "./overlay.js";
import { Picture } from "./picture.js";
import { label, percent, pixels, title } from "./words.js";

export class Comparison {
  #dialog = byId("compare");
  #body = byId("compare-body");
  #query = null;
  #id = null;
  #fitted = []; // what follows the size of the pictures
  #sizes = new ResizeObserver(() => this.#fit());

  constructor() {
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault(); // the address closes it
      leave("compare");
    });
    // Browsers may close it themselves: the address follows.
    this.#dialog.addEventListener("close", () => this.#id !== null && leave("compare"));
    byId("compare-close").addEventListener("click", () => leave("compare"));
  }

  /** Show a query beside one of its matches, by the image's id; null closes. */
  async show(query, id) {
    if (query === this.#query && id === this.#id) return;
    this.#query = query;
    this.#id = id;
    this.#clear();
    if (id === null) {
      this.#dialog.close();
      return;
    }
    byId("compare-large").href = hash({ ...place(), image: id });
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const { matches } = await query.answer;
      if (!this.#is(query, id)) return;
      const match = matches.find((found) => found.image_id === id);
      if (match === undefined) become({ ...place(), compare: null });
      else await this.#draw(query, match);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (this.#is(query, id)) this.#note(error.message);
    }
  }

  async #draw(query, match) {
    const id = match.image_id;
    this.#describe(match);
    const record = await imageRecord(id);
    if (!this.#is(query, id)) return;
    const ours = queryPicture(query);
    const theirs = imagePicture({ ...record, id });
    const pair = element("div", { className: "pair" }, ours.root, theirs.root);
    const controls = element("div", { className: "controls" });
    this.#body.append(pair, controls);
    const placed = placement(match);
    if (placed) this.#body.append(measures(placed));
    else controls.append(element("p", {}, unplaced(match)));
    for (const watched of [pair, ours.box, theirs.box]) this.#sizes.observe(watched);

    if (placed) theirs.outline(placed.image_region);
    const [seen] = await Promise.all([ours.shown, theirs.shown]);
    if (!this.#is(query, id)) return;
    ours.facts.textContent = ours.size ? pixels(ours.size.width, ours.size.height) : "";
    if (!placed || !seen) return;
    this.#join(query, placed, { ours, theirs, pair, controls, id });
  }

  /** Show how both fit, now that both are seen. */
  #join(query, placed, { ours, theirs, pair, controls, id }) {
    ours.outline(placed.query_region);
    const overlay = new Overlay(query, ours.size, theirs, placed);
    const lines = new Lines(pair, ours, theirs);
    controls.append(lines.control, overlay.control);
    this.#fitted = [overlay, lines];
    this.#fit();
    lines.follow(query.pointPairs().then((pairs) => pairs.get(id)));
  }

  #describe(match) {
    byId("compare-why").textContent = match.summary;
    byId("compare-claim").replaceChildren(
      element(
        "span",
        { className: "relation", "data-relation": match.relation },
        label(match.relation),
      ),
      element("span", { className: "score", title: "How sure this is" }, percent(match.score)),
    );
  }

  #note(sentence) {
    this.#body.append(element("p", { className: "failure", role: "alert" }, sentence));
  }

  #clear() {
    this.#sizes.disconnect();
    this.#fitted = [];
    this.#body.replaceChildren();
    byId("compare-why").textContent = "\u00a0";
    byId("compare-claim").replaceChildren();
  }

  #fit() {
    for (const part of this.#fitted) part.fit();
  }

  #is(query, id) {
    return query === this.#query && id === this.#id;
  }
}

/** Browsers can't show every format that is searched. */
function queryPicture(query) {
  const ending = /\.(\w{1,5})$/.exec(query.name)?.[1].toUpperCase();
  const format = ending ? `${ending} files` : "files of this format";
  return new Picture({
    title: "Query",
    name: query.name,
    sources: [query.view, query.preview],
    size: query.size,
    lost: `This browser does not show ${format}, so only the image is shown.`,
  });
}

function imagePicture(image) {
  const picture = new Picture({
    title: "In the library",
    name: title(image),
    sources: [viewOf(image.id), thumbnailOf(image.id)],
    size: { width: image.width, height: image.height },
    lost: "Its file is not there, so that it can't be shown.",
  });
  picture.facts.textContent = pixels(image.width, image.height);
  return picture;
}
