/** Takes the image to search with: dropped, pasted or picked. */

import { byId, toast } from "./dom.js";

/** Call back with each image that comes in, as a `File`. */
export function onImage(callback) {
  const take = (files) => {
    const images = [...files];
    if (images.length > 1) toast(`Searching for the first of ${images.length} files.`);
    callback(images[0]);
  };
  onPick(take);
  onPaste(take);
  onDrop(take);
}

function onPick(take) {
  const input = byId("file");
  byId("pick").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files);
    input.value = ""; // so that the same file can be picked again
  });
}

function onPaste(take) {
  addEventListener("paste", (event) => {
    const { files } = event.clipboardData;
    if (files.length) take(files);
    else toast("There is no image in the clipboard.");
  });
}

function onDrop(take) {
  const sheet = byId("drop");
  let inside = 0; // elements that the pointer entered and did not leave
  const over = (count) => {
    inside = count;
    sheet.togglePopover(inside > 0);
  };
  const isFile = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragenter", (event) => {
    event.preventDefault();
    if (isFile(event)) over(inside + 1);
  });
  addEventListener("dragleave", (event) => {
    if (isFile(event)) over(inside - 1);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(0);
    const { files } = event.dataTransfer;
    if (files.length) take(files);
    else toast("That is no file. Save the image first, then drop it here.");
  });
}
