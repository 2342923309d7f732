/** Puts into words how a query lies on an image. */

import { element } from "./dom.js";

const EVEN = 0.5; // above this distance, the geometry is more likely a coincidence

/** Degrees; less, nobody sees. */
export const TURNED_DEGREES = 0.5;

/** Relations of images that are the same, pixel by pixel. */
export const WHOLE = ["same_file", "same_pixels"];

const SCALED = 0.005;

/** Return what local features say of where the query lies; null if they prove nothing. */
export function placement(match) {
  const local = match.evidence.local_features;
  return local?.transform && local.distance <= EVEN ? local : null;
}

/** Return what a look at the pixels answered; null if there was none. */
export function seenOf(match) {
  const seen = match.evidence.overlay;
  return seen?.map ? seen : null;
}

/** Return why there is no region to outline. */
export function unplaced(match) {
  if (WHOLE.includes(match.relation)) return "It is the whole image, pixel by pixel.";
  if ("phash" in match.evidence) return "The perceptual hash matches the whole image.";
  return "Which part of it matches was not measured.";
}

/** Return the numbers behind a placement, as a list of terms. */
export function measures(local) {
  const rows = [
    ["Points that fit", `${whole(local.inliers)} of ${whole(local.matches)}`],
    ["Part of your image", share(local.query_overlap)],
    ["Part of the match", share(local.image_overlap)],
    ["Mirrored", local.mirrored ? "left to right" : "no"],
    ["Turned", turned(local.rotation_degrees)],
    ["Scaled", scaled(local.scale)],
  ];
  return element(
    "dl",
    { className: "measures" },
    ...rows.map(([term, said]) =>
      element("div", {}, element("dt", {}, term), element("dd", {}, said)),
    ),
  );
}

const whole = (count) => count.toLocaleString("en");

/** Rounded as the summary rounds it. */
const share = (part) => (part < 0.01 ? "under 1%" : `${Math.round(100 * part)}%`);

function turned(degrees) {
  if (Math.abs(degrees) < TURNED_DEGREES) return "no";
  const way = degrees > 0 ? "clockwise" : "counterclockwise";
  const size = Math.abs(degrees).toLocaleString("en", { maximumFractionDigits: 1 });
  return `${size}° ${way}`;
}

function scaled(scale) {
  if (Math.abs(scale - 1) < SCALED) return "no";
  return `× ${scale.toLocaleString("en", { maximumSignificantDigits: 3 })}`;
}
