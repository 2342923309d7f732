/** Puts the parts of the page together: what the address says is what is shown. */

import { become, go, onPlace, place } from "./address.js";
import { importProgress, Problem } from "./api.js";
import { followBacklog } from "./backlog.js";
import { Comparison } from "./compare.js";
import { byId, toast } from "./dom.js";
import { Grid } from "./grid.js";
import { onImage } from "./intake.js";
import { Library } from "./library.js";
import { FileQuery, ImageQuery } from "./query.js";
import { SearchPage } from "./search.js";
import { Viewer } from "./viewer.js";
import { counted } from "./words.js";

const KEPT = 12; // searches that the back button can still show
const IMPORTING_MS = 1000; // between two looks while an import is running
const IDLE_MS = 15000;
const SHARE = 8; // a refresh that took 1 s is followed by 8 s of rest

const library = new Library();
const grid = new Grid(library);
const search = new SearchPage();
const viewer = new Viewer(neighbors, (id) => library.images[library.indexOf(id)]);
const comparison = new Comparison();
const queries = new Map(); // by the number that the address has
let last = 0;
let looking = null; // the image shown large
let comparing = null; // the match shown beside the query

function neighbors(id) {
  if (!byId("search").hidden) {
    const at = search.ids.indexOf(id);
    if (at < 0) return { before: null, after: null };
    return { before: search.ids[at - 1] ?? null, after: search.ids[at + 1] ?? null };
  }
  const at = library.indexOf(id);
  if (at < 0) return { before: null, after: null };
  if (at + 2 > library.images.length && !library.complete) library.more();
  return {
    before: library.images[at - 1]?.id ?? null,
    after: library.images[at + 1]?.id ?? null,
  };
}

function keep(name, query) {
  queries.set(name, query);
  for (const [old, forgotten] of queries) {
    if (queries.size <= KEPT) break;
    forgotten.forget();
    queries.delete(old);
  }
  return query;
}

function queryOf({ search: number, similar }) {
  if (similar !== null) {
    const name = `similar ${similar}`;
    return queries.get(name) ?? keep(name, new ImageQuery(similar));
  }
  return queries.get(number) ?? null;
}

onPlace((now) => {
  const query = queryOf(now);
  if (now.search !== null && query === null) {
    become({ image: now.image }); // its file went with the page that had it
    return;
  }
  byId("library").hidden = query !== null;
  byId("search").hidden = query === null;
  grid.show(query === null);
  search.show(query);
  const before = { looking, comparing };
  looking = now.image;
  comparing = query === null ? null : now.compare;
  comparison.show(comparing === null ? null : query, comparing);
  viewer.show(looking);
  if (looking === null && before.looking !== null) grid.focus(before.looking);
  if (comparing === null && before.comparing !== null) search.focus(before.comparing);
});

onImage((file) => {
  last += 1;
  keep(last, new FileQuery(file));
  go({ search: last });
});

byId("home").addEventListener("click", (event) => {
  event.preventDefault();
  if (place().search === null && place().similar === null) grid.toTop();
  else go({});
});

function showState() {
  const none = library.started && library.total === 0;
  byId("count").textContent = library.total ? counted(library.total, "image") : "";
  byId("empty").hidden = !none;
}

library.addEventListener("more", showState);
library.addEventListener("replaced", showState);
library.addEventListener("problem", (event) => toast(event.detail));
library.more().then(() => followImport(false));
followBacklog();

/** Show how far the import is, and the images that it has added. */
async function followImport(wasRunning) {
  let running = false;
  let rest = 0;
  try {
    const now = await importProgress();
    running = now.running;
    showProgress(now);
    if (running || wasRunning || library.total === 0) {
      const start = performance.now();
      await library.refresh();
      rest = SHARE * (performance.now() - start);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // else: asked again below
    running = wasRunning;
  }
  const pause = running ? Math.max(IMPORTING_MS, rest) : IDLE_MS;
  setTimeout(() => followImport(running), pause);
}

function showProgress({ running, done, total }) {
  const bar = byId("progress");
  bar.hidden = !running;
  byId("empty-title").textContent = running ? "Importing…" : "No images yet";
  byId("empty-how").hidden = running;
  if (!running) return;
  bar.ariaValueMax = total;
  bar.ariaValueNow = done;
  bar.ariaValueText = `${done} of ${total} files`;
  bar.dataset.numbers = `Importing ${done.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  bar.firstChild.style.transform = `scaleX(${total ? done / total : 0})`;
}
