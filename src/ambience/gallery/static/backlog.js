/** Shows which images services still have to get, how fast it goes, and what is stuck. */

import { hash } from "./address.js";
import { backlog, Problem } from "./api.js";
import { byId, element } from "./dom.js";
import { counted, duration, sentence, serviceName } from "./words.js";

const BUSY_MS = 2000; // between two looks while something waits
const IDLE_MS = 15000;

/** Look again and again; what it shows is only there while something waits or is stuck. */
export async function followBacklog(shown = "") {
  let now = shown;
  let waits = false;
  try {
    const services = Object.entries(await backlog());
    waits = services.some(([, { waiting }]) => waiting > 0);
    now = JSON.stringify(services);
    if (now !== shown) show(services); // else a link in it would lose the focus
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // else: asked again below
  }
  setTimeout(() => followBacklog(now), waits ? BUSY_MS : IDLE_MS);
}

function show(services) {
  const open = byId("backlog-open");
  const most = (of) => Math.max(0, ...services.map(([, state]) => state[of]));
  const [waiting, stuck] = [most("waiting"), most("stuck")];
  open.hidden = waiting + stuck === 0;
  open.textContent = waiting ? `${waiting.toLocaleString("en")} waiting` : `${stuck} stuck`;
  const rows = services.filter(([, state]) => state.waiting || state.stuck).map(row);
  byId("backlog-list").replaceChildren(...rows);
  if (open.hidden) byId("backlog").hidePopover();
}

function row([service, { waiting, rate, remaining_s: left, paused, stuck_reasons: stuck }]) {
  const facts = [
    waiting ? `${counted(waiting, "image")} waiting` : null,
    waiting && !paused && rate ? `${rate.toFixed(rate < 10 ? 1 : 0)} a second` : null,
    waiting && !paused && left !== null ? `${duration(left)} left` : null,
  ].filter(Boolean);
  return element(
    "li",
    {},
    element("h3", { textContent: serviceName(service) }),
    facts.length ? element("p", { textContent: facts.join(" · ") }) : null,
    waiting && paused ? element("p", { textContent: sentence(`paused: ${paused}`) }) : null,
    ...stuck.map(({ reason, count, image_id: id }) => element(
      "p",
      { className: "stuck" },
      element("a", { href: hash({ image: id }), textContent: counted(count, "image") }),
      ` stuck: ${reason}`,
    )),
  );
}
