/** Shows the library as justified rows; only those near the screen are on the page. */

import { thumbnailOf } from "./api.js";
import { hash } from "./address.js";
import { byId, element } from "./dom.js";
import { Rows } from "./rows.js";
import { month, title } from "./words.js";

const AROUND = 1; // screens above and below that are kept ready
const AHEAD = 4; // screens: when fewer are known below, more images are asked for
const FAST = 0.7; // screens a frame: what only flies by loads no thumbnails
const SETTLED_MS = 120;
const DAY_MS = 900; // how long the date stays after scrolling fast

export class Grid {
  #list = byId("grid");
  #rest = element("div", { className: "rest" });
  #day = byId("day");
  #library;
  #rows = new Rows(1, 1, 0);
  #tiles = new Map(); // by image id: the elements on the page
  #current = 0; // the image that the Tab key reaches
  #anchor = null; // the image at the top of the screen, and how far it is past it
  #placed = -1; // where we scrolled to ourselves
  #seen = 0; // where the page was scrolled to at the last frame
  #awaiting = false;
  #shown = true;
  #settling = 0;
  #dayTimer = 0;

  constructor(library) {
    this.#library = library;
    this.#list.append(this.#rest);
    library.addEventListener("more", () => this.#extended());
    library.addEventListener("replaced", () => this.#laidOut());
    library.addEventListener("retry", () => this.#render());
    new ResizeObserver(() => this.#resized()).observe(this.#list);
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#list.addEventListener("keydown", (event) => this.#pressed(event));
    this.#list.addEventListener("focusin", (event) => this.#focused(event.target));
  }

  /** Be on the screen, where it was left, or not. */
  show(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (!shown) return;
    this.#resized();
    if (this.#anchor === null) scrollTo(0, 0);
    else this.#restore();
    this.#render();
  }

  /** Scroll to the start. */
  toTop() {
    scrollTo(0, 0);
  }

  /** Move the focus to an image, and the image onto the screen if it is not there. */
  focus(id) {
    const index = this.#library.indexOf(id);
    if (index < 0 || !this.#shown || index >= this.#rows.end) return;
    this.#current = index;
    const row = this.#rows.rows[this.#rows.rowOf(index)];
    const start = this.#start();
    const header = this.#header();
    if (start + row.top < header) {
      scrollBy(0, start + row.top - header - this.#rows.gap);
    } else if (start + row.top + row.height > innerHeight) {
      scrollBy(0, start + row.top + row.height + this.#rows.gap - innerHeight);
    }
    this.#render();
    this.#tiles.get(id)?.firstChild.focus({ preventScroll: true });
  }

  #resized() {
    if (this.#list.clientWidth && this.#list.clientWidth !== this.#rows.width) {
      this.#laidOut();
    }
  }

  #extended() {
    this.#rows.extend(this.#library.images, this.#library.complete);
    // Who was past the last row known is now at one.
    if (this.#shown && this.#placed < 0) this.#remember();
    this.#render();
  }

  /** Lay everything out anew, and keep the place. */
  #laidOut() {
    const style = getComputedStyle(this.#list);
    this.#rows = new Rows(
      this.#list.clientWidth || 1,
      parseFloat(style.getPropertyValue("--row")),
      parseFloat(style.getPropertyValue("--gap")),
    );
    this.#rows.extend(this.#library.images, this.#library.complete);
    this.#size();
    this.#restore();
    this.#render();
  }

  #size() {
    const rest = this.#library.total - this.#rows.end;
    const height = this.#rows.height + this.#rows.estimate(rest);
    this.#list.style.height = `${height}px`;
    this.#rest.style.top = `${this.#rows.height + this.#rows.gap}px`;
    this.#rest.hidden = rest <= 0;
  }

  #scrolled() {
    if (!this.#shown) return;
    // Where we scrolled to ourselves, the anchor is exact; taking it anew would drift.
    if (Math.abs(scrollY - this.#placed) > 1) {
      this.#placed = -1;
      this.#remember();
    }
    if (this.#awaiting) return;
    this.#awaiting = true;
    requestAnimationFrame(() => {
      this.#awaiting = false;
      this.#render();
    });
  }

  #remember() {
    const y = this.#header() - this.#start();
    if (scrollY < 2 || !this.#rows.end) {
      this.#anchor = null; // at the top one stays at the top
      return;
    }
    const row = this.#rows.rows[this.#rows.rowAt(y)];
    const id = this.#library.images[row.first]?.id;
    this.#anchor = { id, past: (y - row.top) / row.height };
  }

  #restore() {
    if (this.#anchor === null || !this.#shown) return;
    const index = this.#library.indexOf(this.#anchor.id);
    if (index < 0 || index >= this.#rows.end) return;
    const row = this.#rows.rows[this.#rows.rowOf(index)];
    const y = row.top + this.#anchor.past * row.height;
    scrollTo({ top: scrollY + this.#start() + y - this.#header(), behavior: "instant" });
    this.#placed = scrollY;
  }

  #render() {
    if (!this.#shown) return;
    this.#size();
    const screen = innerHeight;
    const top = -this.#start();
    const moved = Math.abs(scrollY - this.#seen);
    this.#seen = scrollY;
    const fast = moved > FAST * screen;
    if (top + AHEAD * screen > this.#rows.height && !this.#library.complete) {
      this.#library.more();
    }
    this.#place(this.#near(top - AROUND * screen, top + (1 + AROUND) * screen));
    if (moved > 0) this.#showDay(top + this.#header(), fast);
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#load(), fast ? SETTLED_MS : 0);
  }

  /** Return the boxes between two heights; the one with the focus stays, too. */
  #near(from, to) {
    if (!this.#rows.end || from > this.#rows.height) return [];
    const numbers = new Set();
    for (let n = this.#rows.rowAt(from); n <= this.#rows.rowAt(to); n += 1) {
      numbers.add(n);
    }
    const held = Number(this.#list.querySelector(":focus")?.dataset.id ?? -1);
    const index = this.#library.indexOf(held);
    if (index >= 0) numbers.add(this.#rows.rowOf(index));
    return [...numbers]
      .sort((a, b) => a - b)
      .flatMap((number) => {
        const { top, height } = this.#rows.rows[number];
        const boxes = this.#rows.boxes(number, this.#library.images);
        return boxes.map((box) => ({ ...box, top, height }));
      });
  }

  #place(boxes) {
    const { images, total } = this.#library;
    const wanted = new Set(boxes.map((box) => images[box.index].id));
    for (const [id, tile] of this.#tiles) {
      if (wanted.has(id)) continue;
      tile.querySelector("img").removeAttribute("src"); // no longer worth loading
      tile.remove();
      this.#tiles.delete(id);
    }
    if (!boxes.some((box) => box.index === this.#current)) {
      const top = this.#header() - this.#start();
      this.#current = boxes.find((box) => box.top >= top)?.index ?? 0;
    }
    let next = this.#list.firstChild;
    for (const box of boxes) {
      const image = images[box.index];
      const tile = this.#tiles.get(image.id) ?? newTile(image);
      this.#tiles.set(image.id, tile);
      if (tile === next) next = next.nextSibling;
      else this.#list.insertBefore(tile, next);
      tile.style.transform = `translate(${box.left}px, ${Math.round(box.top)}px)`;
      tile.style.width = `${box.width}px`;
      tile.style.height = `${Math.round(box.top + box.height) - Math.round(box.top)}px`;
      tile.ariaPosInSet = box.index + 1;
      tile.ariaSetSize = total;
      tile.firstChild.tabIndex = box.index === this.#current ? 0 : -1;
    }
  }

  #load() {
    for (const [id, tile] of this.#tiles) {
      const img = tile.querySelector("img");
      if (!img.hasAttribute("src")) img.src = thumbnailOf(id);
    }
  }

  /** Say at which date one is, while one scrolls fast. */
  #showDay(y, fast) {
    if (y > this.#rows.height) return; // not known there yet
    const row = this.#rows.rows[this.#rows.rowAt(y)];
    const image = row && this.#library.images[row.first];
    if (image) this.#day.textContent = month(image.shownAt);
    if (fast) this.#day.classList.add("seen");
    clearTimeout(this.#dayTimer);
    this.#dayTimer = setTimeout(() => this.#day.classList.remove("seen"), DAY_MS);
  }

  #focused(target) {
    const index = this.#library.indexOf(Number(target.dataset.id ?? -1));
    if (index < 0) return;
    const before = this.#library.images[this.#current];
    const tile = before && this.#tiles.get(before.id);
    if (tile) tile.firstChild.tabIndex = -1;
    this.#current = index;
    target.tabIndex = 0;
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const to = this.#neighbor(event.key);
    if (to === null) return;
    event.preventDefault();
    const image = this.#library.images[Math.min(Math.max(to, 0), this.#rows.end - 1)];
    if (image) this.focus(image.id);
  }

  #neighbor(key) {
    switch (key) {
      case "ArrowLeft":
        return this.#current - 1;
      case "ArrowRight":
        return this.#current + 1;
      case "ArrowUp":
        return this.#inRow(-1);
      case "ArrowDown":
        return this.#inRow(1);
      case "Home":
        return 0;
      case "End":
        return this.#rows.end - 1;
      default:
        return null;
    }
  }

  /** Return the image of the row above or below whose middle is nearest. */
  #inRow(step) {
    const { images } = this.#library;
    const number = this.#rows.rowOf(this.#current);
    if (!this.#rows.rows[number + step]) return this.#current;
    const middle = (box) => box.left + box.width / 2;
    const here = this.#rows
      .boxes(number, images)
      .find((box) => box.index === this.#current);
    const far = (box) => Math.abs(middle(box) - middle(here));
    return this.#rows
      .boxes(number + step, images)
      .reduce((best, box) => (far(box) < far(best) ? box : best)).index;
  }

  #start() {
    return this.#list.getBoundingClientRect().top;
  }

  #header() {
    return document.querySelector(".bar").offsetHeight;
  }
}

function newTile(image) {
  const img = element("img", { alt: "", decoding: "async", draggable: false });
  img.addEventListener("load", () => img.classList.add("there"));
  img.addEventListener("error", () => link.classList.add("lost"));
  const name = element("span", { className: "name", textContent: title(image) });
  const link = element(
    "a",
    { href: hash({ image: image.id }), draggable: false, "data-id": image.id },
    img,
    name,
  );
  if (image.missing) link.append(element("span", { className: "gone" }, "File missing"));
  return element("div", { className: "tile", role: "listitem" }, link);
}
