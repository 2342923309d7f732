/** Shows one image left of a line and the other right of it; the line is moved. */

import { element } from "./dom.js";

const STEPS = {
  ArrowLeft: -1,
  ArrowDown: -1,
  ArrowRight: 1,
  ArrowUp: 1,
  PageDown: -10,
  PageUp: 10,
  Home: -100,
  End: 100,
};

export class Wipe {
  #stage;
  #at = 50; // percent of what both show
  #isOn = false;
  #divider = element("div", {
    className: "divider",
    role: "slider",
    tabIndex: 0,
    ariaLabel: "Line between both",
    ariaOrientation: "horizontal",
    ariaValueMin: "0",
    ariaValueMax: "100",
  });

  /** @param {Stage} stage */
  constructor(stage) {
    this.#stage = stage;
    const { above, below } = stage.names;
    this.control = element(
      "p",
      { className: "ends" },
      element("span", {}, `← ${below}`),
      element("span", { className: "hint" }, "Drag the line, or use the arrow keys"),
      element("span", {}, `${above} →`),
    );
    this.#divider.addEventListener("keydown", (event) => this.#pressed(event));
    this.#listen(stage.box);
  }

  /** Put in the line, once both can be shown. */
  begin() {
    const { left, right, top, bottom } = this.#stage.common;
    const { style } = this.#stage.box;
    style.setProperty("--top", top);
    style.setProperty("--tall", bottom - top);
    style.setProperty("--left", left);
    style.setProperty("--wide", right - left);
    this.#stage.box.append(this.#divider);
    this.#move(this.#at);
  }

  enter() {
    this.#isOn = true;
  }

  leave() {
    this.#isOn = false;
  }

  #move(percent) {
    this.#at = Math.min(100, Math.max(0, percent));
    const { above, below } = this.#stage.names;
    const now = Math.round(this.#at);
    this.#divider.ariaValueNow = String(now);
    this.#divider.ariaValueText = `${now}% ${below}, ${100 - now}% ${above}`;
    this.#stage.box.style.setProperty("--at", this.#at / 100);
  }

  #pressed(event) {
    const step = STEPS[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#move(Math.round(this.#at) + (event.shiftKey ? 10 * step : step));
  }

  /** A finger or a pointer anywhere on the picture moves it. */
  #listen(box) {
    const follow = ({ clientX }) => {
      const { left, width } = box.getBoundingClientRect();
      const common = this.#stage.common;
      const share = (clientX - left) / width - common.left;
      this.#move((100 * share) / (common.right - common.left));
    };
    box.addEventListener("pointerdown", (event) => {
      if (!this.#isOn || !event.isPrimary || event.button !== 0) return;
      event.preventDefault(); // nothing is selected on the way
      box.setPointerCapture(event.pointerId);
      this.#divider.focus({ preventScroll: true, focusVisible: false });
      follow(event);
    });
    box.addEventListener("pointermove", (event) => {
      if (this.#isOn && box.hasPointerCapture(event.pointerId)) follow(event);
    });
  }
}
