/** Shows what was measured as tables a person can read. */

import { element } from "./dom.js";
import { counted, serviceName, spaced } from "./words.js";

/** Return what each service measured on one match, folded away. */
export function evidence(match) {
  const rows = Object.entries(match.evidence).flatMap(([service, measured]) =>
    Object.entries(measured).filter(isReadable).map(([key, value], index) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, index === 0 ? serviceName(service) : ""),
        element("td", {}, spaced(key)),
        element("td", { className: kind(value) }, shown(value)),
      ),
    ),
  );
  return folded(
    "Evidence",
    element("table", {}, element("tbody", {}, ...rows)),
  );
}

/** Return what each service said and how long it took, folded away. */
export function services(answer) {
  const rows = Object.entries(answer.services).map(([name, said]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, serviceName(name)),
      element("td", {}, counted(said.matches.length, "match")),
      element("td", { className: "number" }, `${said.took_ms.toFixed(1)} ms`),
    ),
  );
  return folded(
    "Services",
    element("table", {}, element("tbody", {}, ...rows)),
  );
}

/** Return why services had nothing to say, or could not answer. */
export function remarks(answer) {
  const notes = Object.entries(answer.services)
    .filter(([, said]) => said.note)
    .map(([name, said]) => remark(serviceName(name), said.note));
  const missing = answer.unavailable.map(({ service, reason }) =>
    remark(`${serviceName(service)} is not available`, reason),
  );
  if (!notes.length && !missing.length) return null;
  return element("ul", { className: "remarks" }, ...notes, ...missing);
}

function remark(who, what) {
  return element("li", {}, element("strong", {}, who), `: ${what}`);
}

function folded(summary, content) {
  return element("details", {}, element("summary", {}, summary), content);
}

/** Regions, maps and transforms are to be seen, not read: the comparison draws them. */
const isReadable = ([, value]) => typeof value !== "object";

const kind = (value) => (typeof value === "number" ? "number" : "value");

function shown(value) {
  if (typeof value === "number") {
    return value.toLocaleString("en", { maximumFractionDigits: 3 });
  }
  if (typeof value === "string") return value.replaceAll("_", " ");
  return JSON.stringify(value);
}
