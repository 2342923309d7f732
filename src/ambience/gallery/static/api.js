/** Asks the gateway; what goes wrong is a `Problem` with a sentence to show. */

import { sentence } from "./words.js";

/** Why a request was not carried out, in a sentence for the user. */
export class Problem extends Error {}

const API = "api"; // relative, as the page may stand in a folder of a server before us
const K = "60"; // the most matches that the page shows
const SILENCE = "ambience does not answer. Is it still running?";

/** Return a page of the library, newest first. */
export async function imagePage({ limit, after }) {
  const asked = new URLSearchParams({ limit });
  if (after !== null) asked.set("after", after);
  return (await answer(`${API}/images?${asked}`)).json();
}

/** Return what is known of an image. */
export const imageRecord = async (id) => (await answer(`${API}/images/${id}`)).json();

/** Return how far the import is: running, done, total. */
export const importProgress = async () => (await answer(`${API}/import_progress`)).json();

/** Return what each service still has to get, by its name. */
export const backlog = async () => (await (await answer(`${API}/backlog`)).json()).services;

/** Search by an image; return the matches and what each service said. */
export async function reverseSearch(image, name) {
  const form = new FormData();
  form.set("image", await readable(image), name);
  return searched(form);
}

/** Search by an image of the library, which itself is left out. */
export async function reverseSearchById(id) {
  const form = new FormData();
  form.set("image_id", id);
  return searched(form);
}

/** Return the pairs of points that fit, `[x, y, x, y]` each, by the image's id. */
export async function pointPairs(image, name) {
  const form = new FormData();
  form.set("image", image, name);
  form.set("k", K); // as the reverse search asks, so that the same ones are compared
  form.set("points", "true");
  return pairs(await answer(`${API}/local_features/search`, { method: "POST", body: form }));
}

/** Return the same for an image of the library. */
export async function pointPairsById(id) {
  const asked = new URLSearchParams({ k: K, points: true });
  return pairs(await answer(`${API}/local_features/images/${id}/similar?${asked}`));
}

export const thumbnailOf = (id) => `${API}/images/${id}/thumbnail`;
export const viewOf = (id) => `${API}/images/${id}/view`;
export const fileOf = (id) => `${API}/images/${id}/file`;

async function searched(form) {
  form.set("k", K);
  return (await answer(`${API}/reverse_search`, { method: "POST", body: form })).json();
}

async function pairs(response) {
  const { matches } = await response.json();
  return new Map(matches.map((match) => [match.image_id, match.points ?? []]));
}

async function answer(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw new Problem(SILENCE);
  }
  if (response.ok) return response;
  throw new Problem(await detail(response));
}

async function detail(response) {
  try {
    const problem = await response.json();
    if (problem.detail) return sentence(problem.detail);
  } catch {
    // Not a problem document: something between us and ambience answered.
  }
  return `The server answered ${response.status} ${response.statusText}.`;
}

/** A dropped folder looks like a file until it is read. */
async function readable(image) {
  try {
    await image.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem("This can't be read as a file. Drop one image, not a folder.");
  }
  return image;
}
