/** Shows a query and one match in the view that tells best what they have in common. */

import { imageRecord, Problem, thumbnailOf, viewOf } from "./api.js";
import { become, hash, leave, place } from "./address.js";
import { Blink } from "./blink.js";
import { Difference } from "./difference.js";
import { byId, element } from "./dom.js";
import { fit } from "./fit.js";
import { measures, placement } from "./measures.js";
import { Overlay } from "./overlay.js";
import { Picture } from "./picture.js";
import { Sides } from "./sides.js";
import { Stage } from "./stage.js";
import { best, Views } from "./views.js";
import { Wipe } from "./wipe.js";
import { label, percent, pixels, title } from "./words.js";

export class Comparison {
  #dialog = byId("compare");
  #body = byId("compare-body");
  #query = null;
  #id = null;
  #choice = new Views((name) => this.#look(name));
  #views = {}; // by name
  #stage = null; // where one lies on the other
  #now = null; // the name of the view that is seen
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
    const image = { ...(await imageRecord(id)), id };
    const ours = queryPicture(query);
    if (!ours.size) await ours.shown; // nothing is to move once its size is known
    if (!this.#is(query, id)) return;
    const theirs = imagePicture(image);
    const placed = placement(match);
    this.#views = { sides: new Sides(match, placed, ours, theirs) };
    const laid = ours.size && fit(match, ours.size, theirs.size);
    if (laid) this.#lay(match, laid, { ours, theirs, query, image });
    this.#build(placed);
    this.#choice.show(laid ? best(match) : null);
    this.#look(laid ? best(match) : "sides");

    const [isSeen, isThere] = await Promise.all([ours.shown, theirs.shown]);
    if (!this.#is(query, id)) return;
    ours.facts.textContent = ours.size ? pixels(ours.size.width, ours.size.height) : "";
    if (isSeen && isThere) this.#begin();
    else this.#keepToSides();
    if (isSeen) this.#views.sides.join(() => query.pointPairs().then((pairs) => pairs.get(id)));
  }

  /** Make the views in which one lies on the other. */
  #lay(match, laid, { ours, theirs, query, image }) {
    const [above, below] = laid.isQueryBelow
      ? [theirs, queryPicture(query, ours.size)]
      : [ours, imagePicture(image)];
    this.#stage = new Stage(laid, above, below);
    Object.assign(this.#views, {
      overlay: new Overlay(this.#stage, match.relation),
      wipe: new Wipe(this.#stage),
      blink: new Blink(this.#stage),
      difference: new Difference(this.#stage, match, laid),
    });
  }

  /** Put views on the page, all at one place: whichever is seen, nothing else moves. */
  #build(placed) {
    const views = Object.values(this.#views);
    const scene = element("div", { className: "scene" }, this.#views.sides.root);
    if (this.#stage) scene.append(this.#stage.root);
    const controls = element("div", { className: "controls" });
    controls.append(...views.map(({ control }) => control));
    this.#body.append(scene, controls);
    if (placed) this.#body.append(measures(placed));
    for (const box of scene.querySelectorAll(".pair, .picture")) this.#sizes.observe(box);
  }

  /** Show how both fit, now that they can be shown. */
  #begin() {
    this.#stage?.begin();
    for (const view of Object.values(this.#views)) view.begin?.();
    this.#fit();
  }

  /** Leave out what takes both pictures, as one can't be shown. */
  #keepToSides() {
    this.#choice.show(null);
    this.#look("sides");
  }

  /** Look at both in another way. */
  #look(name) {
    this.#views[this.#now]?.leave?.();
    this.#now = name;
    for (const [other, { control }] of Object.entries(this.#views)) {
      control.classList.toggle("off", other !== name);
    }
    this.#views.sides.root.classList.toggle("off", name !== "sides");
    if (this.#stage) this.#stage.root.classList.toggle("off", name === "sides");
    if (this.#stage) this.#stage.root.dataset.view = name;
    this.#views[name].enter?.();
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
    this.#views[this.#now]?.leave?.();
    this.#views = {};
    this.#stage = null;
    this.#now = null;
    this.#choice.show(null);
    this.#body.replaceChildren();
    byId("compare-why").textContent = "\u00a0";
    byId("compare-claim").replaceChildren();
  }

  #fit() {
    this.#stage?.fit();
    for (const view of Object.values(this.#views)) view.fit?.();
  }

  #is(query, id) {
    return query === this.#query && id === this.#id;
  }
}

/** Browsers can't show every format that is searched. */
function queryPicture(query, size = query.size) {
  const ending = /\.(\w{1,5})$/.exec(query.name)?.[1].toUpperCase();
  const format = ending ? `${ending} files` : "files of this format";
  return new Picture({
    title: "Query",
    name: query.name,
    sources: [query.view, query.preview],
    size,
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
