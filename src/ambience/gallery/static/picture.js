/** Shows one picture, with a region outlined in its own pixels. */

import { drawn, element } from "./dom.js";

export class Picture {
  #image;

  /**
   * @param {Object} about
   * @param {string} about.title What the picture is here.
   * @param {string} about.name What it is called.
   * @param {string[]} about.sources Where it can be had, the best first.
   * @param {{width: number, height: number}|null} about.size In pixels, where known.
   * @param {string} about.lost The sentence that stands in if it can't be shown.
   */
  constructor({ title, name, sources, size, lost }) {
    this.title = title;
    this.name = name;
    this.source = null; // where it was had
    this.size = size;
    this.#image = element("img", { alt: `${title}: ${name}`, draggable: false });
    this.box = element("div", { className: "picture" }, this.#image);
    this.room = element("div", { className: "room" }, this.box);
    this.facts = element("span", { className: "facts" });
    this.root = element(
      "figure",
      { className: "side" },
      element(
        "figcaption",
        {},
        element("strong", {}, title),
        element("span", { className: "card-name", title: name }, name),
        this.facts,
      ),
      this.room,
    );
    if (size) this.#fit();

    /** Whether it can be shown, once that is known; then its size is known, too. */
    this.shown = this.#load(sources, lost);
  }

  /** Outline a region. @param {number[][]} region Its corners, in pixels. */
  outline(region) {
    const { width, height } = this.size;
    const corners = region.map((corner) => corner.join(" "));
    const around = `M0 0H${width}V${height}H0Z M${corners.join("L")}Z`;
    const points = corners.join(" ");
    this.box.append(
      drawn(
        "svg",
        {
          class: "outline",
          viewBox: `0 0 ${width} ${height}`,
          preserveAspectRatio: "none",
          "aria-hidden": "true",
        },
        drawn("path", { class: "around", d: around, "fill-rule": "evenodd" }),
        drawn("polygon", { class: "halo", points }),
        drawn("polygon", { class: "edge", points }),
      ),
    );
  }

  async #load(sources, lost) {
    for (const source of sources) {
      this.#image.src = source;
      try {
        await this.#image.decode();
      } catch {
        continue;
      }
      this.source = source;
      const { naturalWidth: width, naturalHeight: height } = this.#image;
      this.size ??= { width, height };
      this.#fit();
      this.#image.classList.add("there");
      return true;
    }
    this.#image.replaceWith(element("p", { className: "lost" }, lost));
    return false;
  }

  #fit() {
    const { width, height } = this.size;
    this.box.style.setProperty("--ratio", width / height);
    this.box.style.setProperty("--natural", `${width}px`);
  }
}
