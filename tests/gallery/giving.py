"""Gives a page an image as people do: dropped, pasted or picked."""

import base64

from playwright.sync_api import FilePayload, JSHandle, Page

_TRANSFER = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type}));
  return transfer;
}"""
_PASTE = """(clipboardData) =>
  document.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true}))"""


def drop(page: Page, image: bytes, *, name: str = "query.jpg") -> None:
    transfer = _transfer(page, image, name)
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})


def paste(page: Page, image: bytes, *, name: str = "image.png") -> None:
    page.evaluate(_PASTE, _transfer(page, image, name))


def pick(page: Page, image: bytes, *, name: str = "query.jpg") -> None:
    with page.expect_file_chooser() as chooser:
        page.locator("#pick").click()
    chooser.value.set_files(FilePayload(name=name, mimeType="", buffer=image))


def _transfer(page: Page, image: bytes, name: str) -> JSHandle:
    data = base64.b64encode(image).decode()
    return page.evaluate_handle(_TRANSFER, [name, "", data])
