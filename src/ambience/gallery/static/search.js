/** Shows a query beside its matches, best first, each with the reason. */

import { imageRecord, Problem, thumbnailOf } from "./api.js";
import { hash, place } from "./address.js";
import { byId, element, say } from "./dom.js";
import { evidence, remarks, services } from "./evidence.js";
import { seenOf } from "./measures.js";
import { bytes, counted, isCopy, label, percent, pixels } from "./words.js";

export class SearchPage {
  #root = byId("search");
  #query = null;

  /** The images found, best first. */
  ids = [];

  /** Put the focus on a match. */
  focus(id) {
    this.#root.querySelector(`.match[data-id="${id}"] .card-image`)?.focus();
  }

  /** Show a query, and its answer once it is there; null takes all of it away. */
  async show(query) {
    if (query === this.#query) return;
    this.#query = query;
    this.ids = [];
    if (query === null) {
      this.#root.replaceChildren();
      return;
    }
    const answer = element("div", { className: "answer", ariaBusy: "true" });
    const about = element("div", { className: "about" });
    const aside = element("aside", { className: "query" }, preview(query), about);
    describe(about, query);
    answer.append(element("p", { className: "searching" }, "Searching…"));
    this.#root.replaceChildren(aside, answer);
    scrollTo(0, 0);
    say("Searching");
    try {
      const found = await query.answer;
      if (query !== this.#query) return;
      this.ids = found.matches.map((match) => match.image_id);
      answer.replaceChildren(...this.#answer(query, found));
      aside.append(services(found));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (query !== this.#query) return;
      answer.replaceChildren(...failure(error));
    }
    describe(about, query);
    answer.ariaBusy = "false";
    say(answer.querySelector("h1").textContent);
  }

  #answer(query, found) {
    const copies = found.matches.filter((match) => isCopy(match.relation));
    const others = found.matches.filter((match) => !isCopy(match.relation));
    const parts = [element("h1", {}, headline(query, copies, others)), remarks(found)];
    if (copies.length) parts.push(group("The same picture", "copies", copies));
    if (others.length) parts.push(group("Alike", "others", others));
    return parts.filter((part) => part !== null);
  }
}

function headline(query, copies, others) {
  const itself = query.except !== null; // the image is known to be there
  if (copies.length) return counted(copies.length, itself ? "other match" : "match");
  if (others.length) return itself ? "No other copy of it." : "No copy of it here.";
  return itself ? "Nothing else like it here." : "Nothing like it here.";
}

function failure(error) {
  return [
    element("h1", {}, "This search did not work."),
    element("p", { className: "failure", role: "alert" }, error.message),
  ];
}

function group(title, kind, matches) {
  return element(
    "section",
    { className: `group ${kind}`, ariaLabel: title },
    element("h2", {}, title),
    element("ol", { className: "matches" }, ...matches.map(card)),
  );
}

function card(match) {
  const id = match.image_id;
  const img = element("img", {
    alt: `Image ${id}`,
    loading: "lazy",
    decoding: "async",
    draggable: false,
    src: thumbnailOf(id),
  });
  const name = element("p", { className: "card-name" }, `Image ${id}`);
  const facts = element("p", { className: "facts" }, "\u00a0");
  const link = element(
    "a",
    { className: "card-image", href: opened(match), draggable: false },
    img,
  );
  img.addEventListener("load", () => link.classList.add("there"));
  img.addEventListener("error", () => link.classList.add("lost"));
  fill(id, img, name, facts);
  const relation = element(
    "span",
    { className: "relation", "data-relation": match.relation },
    label(match.relation),
  );
  const score = element(
    "span",
    { className: "score", title: "How sure this is" },
    percent(match.score),
  );
  return element(
    "li",
    { className: "match", "data-id": id, "data-relation": match.relation },
    link,
    element(
      "div",
      { className: "card-text" },
      element("p", { className: "claim" }, relation, score),
      element("p", { className: "why" }, match.summary),
      name,
      facts,
      evidence(match),
    ),
  );
}

/** Return the address that a match leads to: what fits is compared, others only shown. */
function opened(match) {
  const fits = isCopy(match.relation) || seenOf(match);
  const beside = fits ? "compare" : "image";
  const where = { ...place(), compare: null, image: null };
  return hash({ ...where, [beside]: match.image_id });
}

/** Put in what the answer does not say: the image's name and size. */
async function fill(id, img, name, facts) {
  try {
    const record = await imageRecord(id);
    name.textContent = record.name || name.textContent;
    name.title = record.path ?? "";
    img.alt = name.textContent;
    const size = `${pixels(record.width, record.height)}, ${bytes(record.byte_count)}`;
    facts.textContent = record.missing ? `${size}, file missing` : size;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    facts.textContent = error.message;
  }
}

/** Browsers can't show every format that is searched: then its name stands in. */
function preview(query) {
  const frame = element("div", { className: "preview" });
  const img = element("img", { alt: "What you search with", src: query.preview });
  img.addEventListener("load", () => frame.classList.add("there"));
  img.addEventListener("error", () => {
    const ending = /\.(\w{1,5})$/.exec(query.name)?.[1] ?? "image";
    frame.replaceChildren(element("span", { className: "stand-in" }, ending));
  });
  frame.append(img);
  return frame;
}

function describe(about, query) {
  const size = query.byteCount === null ? "" : bytes(query.byteCount);
  const name = element("p", { className: "card-name" }, query.name);
  const facts = element("p", { className: "facts" }, size);
  const back = element("a", { className: "pill", href: "#" }, "Back to the library");
  about.replaceChildren(name, facts, back);
}
