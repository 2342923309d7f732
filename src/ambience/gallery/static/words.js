/** Puts relations, sizes, dates and scores into words. */

/** What each relation is called, and whether it says "this is the same picture". */
const RELATIONS = {
  same_file: { label: "Same file", copy: true },
  same_pixels: { label: "Same pixels", copy: true },
  re_encoded: { label: "Re-encoded copy", copy: true },
  mirrored: { label: "Mirrored copy", copy: true },
  rotated: { label: "Turned copy", copy: true },
  crop: { label: "Cropped copy", copy: true },
  contains: { label: "Part of the query", copy: true },
  edited: { label: "Edited copy", copy: true },
  same_scene: { label: "Same scene", copy: false },
  same_template: { label: "Same layout", copy: false },
  similar_colors: { label: "Similar colors", copy: false },
};

const SERVICES = {
  phash: "Perceptual hash",
  color: "Colors",
  local_features: "Local features",
};

/** Return what a service is called; one that this page does not know names itself. */
export const serviceName = (service) => SERVICES[service] ?? spaced(service);

/** Return a relation's label; one that this page does not know yet names itself. */
export const label = (relation) => RELATIONS[relation]?.label ?? spaced(relation);

/** Whether a relation says that both are the same picture. */
export const isCopy = (relation) => RELATIONS[relation]?.copy ?? false;

/** Return a name of the interface as a reader writes it: "took_ms" is "Took ms". */
export function spaced(name) {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return a text with a capital at its start and a full stop at its end. */
export function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

/** Return a time to wait: "20 seconds", "5 minutes", "3 hours"; at least a second. */
export function duration(seconds) {
  const [unit, size] = [["hour", 3600], ["minute", 60], ["second", 1]].find(
    ([, least]) => seconds >= 2 * least,
  ) ?? ["second", 1];
  return counted(Math.max(1, Math.round(seconds / size)), unit);
}

/** Return a probability in percent; only certainty is 100. */
export const percent = (score) => `${Math.floor(score * 100)}%`;

/** Return a count with its noun: "1 image", "1,204 images". */
export function counted(count, noun) {
  const many = noun.endsWith("ch") ? `${noun}es` : `${noun}s`;
  return `${count.toLocaleString("en")} ${count === 1 ? noun : many}`;
}

/** Return a size in bytes: "88 KB". */
export function bytes(count) {
  const units = ["bytes", "KB", "MB", "GB"];
  let size = count;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && size < 9.95 ? 1 : 0;
  return `${size.toFixed(digits)} ${units[unit]}`;
}

/** Return a size in pixels: "481 × 321". */
export const pixels = (width, height) => `${width} × ${height}`;

/** Return what a clock on the wall showed, wherever that was and whoever looks. */
const wall = (iso) => new Date(iso.slice(0, "2026-11-20T10:10:00".length));

/** Return a date and time: "20 November 2026 at 10:10". */
export const moment = (iso) =>
  wall(iso).toLocaleString("en-GB", { dateStyle: "long", timeStyle: "short" });

/** Return a month: "November 2026". */
export const month = (iso) =>
  wall(iso).toLocaleString("en-GB", { month: "long", year: "numeric" });

/** Return what to call an image: its file's name, or its id where there is none. */
export const title = (image) => image.name || `Image ${image.id}`;
