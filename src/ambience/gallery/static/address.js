/** Keeps what is shown in the address, so that back, forward and links work. */

/**
 * What the address says.
 *
 * @typedef {Object} Place
 * @property {number|null} image The image shown large.
 * @property {number|null} search Which of this visit's searches is shown.
 * @property {number|null} similar The image whose likes are shown.
 * @property {number|null} compare The match that is shown beside the query.
 */

const KEYS = ["search", "similar", "compare", "image"];

/** Return what the address says. @returns {Place} */
export function place() {
  const said = new URLSearchParams(location.hash.slice(1));
  const numbers = KEYS.map((key) => [key, whole(said.get(key))]);
  return Object.fromEntries(numbers);
}

/** Return the address of a place. @param {Partial<Place>} wanted */
export function hash(wanted) {
  const known = KEYS.filter((key) => (wanted[key] ?? null) !== null);
  return `#${known.map((key) => `${key}=${wanted[key]}`).join("&")}`;
}

let steps = 0; // taken inside the page: so many can be taken back without leaving it

/** Go to a place: a step that the back button takes back. */
export function go(wanted) {
  if (hash(wanted) === (location.hash || "#")) return;
  location.hash = hash(wanted);
}

/** Be at a place instead of the present one: no step. */
export function become(wanted) {
  history.replaceState(history.state, "", hash(wanted));
  dispatchEvent(new Event("hashchange"));
}

/**
 * Leave what lies over the page: back where it was opened, or out of it if a link led here.
 *
 * @param {"image"|"compare"} key What the address is to say no more.
 */
export function leave(key) {
  if (steps > 0) history.back();
  else become({ ...place(), [key]: null });
}

/** Call back with every new place, and once with the first. */
export function onPlace(callback) {
  addEventListener("popstate", (event) => {
    // A new entry has no state yet; it is numbered, so that back and forward count.
    if (event.state?.steps === undefined) {
      steps += 1;
      history.replaceState({ steps }, "");
    } else {
      steps = event.state.steps;
    }
  });
  addEventListener("hashchange", () => callback(place()));
  steps = history.state?.steps ?? 0;
  history.replaceState({ steps }, "");
  callback(place());
}

function whole(text) {
  return /^\d{1,19}$/.test(text ?? "") ? Number(text) : null;
}
