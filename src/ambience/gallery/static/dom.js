/** Builds elements; text goes in as text and is never read as markup. */

/**
 * Return a new element.
 *
 * @param {string} name Of the tag.
 * @param {Object<string, *>} properties Set as properties where the element has them,
 *   as attributes otherwise.
 * @param {...(Node|string|null)} children Those that are null are left out.
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Return a new element of a drawing: all that it is given are attributes. */
export function drawn(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Return the one element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Tell those who listen to the page rather than see it. */
export function say(text) {
  byId("said").textContent = text;
}

const TOAST_MS = 6000;
let toastTimer = 0;

/** Show a sentence for a few seconds. */
export function toast(text) {
  const shown = byId("toast");
  shown.textContent = text;
  shown.togglePopover(true);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => shown.togglePopover(false), TOAST_MS);
}
