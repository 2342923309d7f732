/** Shows one image after the other at the same place, so that what differs jumps. */

import { element } from "./dom.js";

const EACH_MS = 800; // seen for so long: far below three flashes a second

export class Blink {
  #stage;
  #timer = null;
  #isAbove = true;
  #isStill = matchMedia("(prefers-reduced-motion: reduce)");
  #badge = element("p", { className: "badge", ariaHidden: "true" });
  #play = element("button", { className: "pill", type: "button" });
  #switch = element("button", { className: "pill", type: "button" }, "Switch");
  #shown = element("span", { className: "shown-now", role: "status" });

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    this.control = element(
      "p",
      { className: "blinking" },
      this.#play,
      this.#switch,
      this.#shown,
    );
    this.#play.addEventListener("click", () =>
      this.#timer === null ? this.#start() : this.#stop(),
    );
    this.#switch.addEventListener("click", () => {
      this.#stop();
      this.#show(!this.#isAbove);
    });
  }

  /** Say on the picture which one is shown, once both can be. */
  begin() {
    this.#stage.box.append(this.#badge);
    this.#show(true);
  }

  /** Begin to alternate; where less motion is wanted, only by hand. */
  enter() {
    this.#play.hidden = this.#isStill.matches;
    if (this.#isStill.matches) this.#stop();
    else this.#start();
  }

  leave() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #start() {
    this.#timer = setInterval(() => this.#show(!this.#isAbove), EACH_MS);
    this.#tell();
  }

  #stop() {
    this.leave();
    this.#tell();
  }

  #show(isAbove) {
    const { above, below } = this.#stage.names;
    this.#isAbove = isAbove;
    this.#stage.box.style.setProperty("--shown", isAbove ? 1 : 0);
    this.#badge.textContent = isAbove ? above : below;
    this.#tell();
  }

  #tell() {
    const isPlaying = this.#timer !== null;
    this.#play.textContent = isPlaying ? "Pause" : "Play";
    // What changes by itself is not read out every time.
    this.#shown.textContent = isPlaying ? "" : `Shown: ${this.#badge.textContent}`;
  }
}
