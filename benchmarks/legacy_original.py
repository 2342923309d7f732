"""The original's services of hashes and colors, written again to be measured against.

    python benchmarks/legacy_original.py --images ~/Pictures

One process, one event loop, one OpenMP thread: each request is answered in the loop, by
a full decode, a Lanczos-reduced DCT or OpenCV's histogram of every pixel, and a flat
index. FastAPI and uvicorn are today's, and no line is logged for a request, both in its
favor.
"""

import argparse
import io
import json
import socket
from pathlib import Path
from typing import Annotated, Any

import cv2
import faiss
import numpy as np
import uvicorn
from fastapi import FastAPI, File, Form
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel
from scipy.fft import dct

SIDE, SHRUNK = 24, 96  # frequencies kept, and pixels that they are taken from
CELLS, UNIT = 8, 1e7  # of each channel, and what a histogram sums up to


class ById(BaseModel):
    """A search with a known image."""

    image_id: int
    k: str | int | None = None
    distance_threshold: str | float | None = None


def hashes(data: bytes) -> NDArray[np.uint8]:
    """Return the hashes of an image as it is and mirrored, shape ``(2, 72)``."""
    with Image.open(io.BytesIO(data)) as image:
        gray = image.convert("L").resize((SHRUNK, SHRUNK), Image.Resampling.LANCZOS)
    pixels = np.array(gray, np.float64)
    found = []
    for version in (pixels, pixels[:, ::-1]):
        low = dct(dct(version, axis=0), axis=1)[:SIDE, :SIDE]
        found.append(np.packbits(low > np.median(low)))
    return np.stack(found)


def histogram(data: bytes) -> NDArray[np.float32]:
    """Return the shares of the color cells, shape ``(1, 512)``."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("no image")
    pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    counts = cv2.calcHist([pixels], [0, 1, 2], None, [CELLS] * 3, [0, 256] * 3)
    height, width, _ = pixels.shape
    return np.asarray(counts.reshape(1, -1) * (UNIT / (height * width)), np.float32)


def nearest(
    index: Any, query: NDArray[Any], k: str | int | None, threshold: Any
) -> list[dict[str, Any]]:
    """Return what a flat index finds, nearest first, each image once."""
    if k is not None:
        distances, ids = (one.ravel() for one in index.search(query, int(k)))
    else:
        _, distances, ids = index.range_search(query, int(threshold))
    found: dict[int, Any] = {}
    for place in np.argsort(distances, kind="stable"):
        found.setdefault(int(ids[place]), distances[place].item())
    return [{"image_id": i, "distance": distance} for i, distance in found.items()]


def original(paths: list[Path]) -> FastAPI:
    """Return its routes, over these images, whose ids count from 1."""
    app = FastAPI()
    hashed = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(SIDE * SIDE))
    colored = faiss.IndexIDMap2(faiss.IndexFlat(CELLS**3, faiss.METRIC_L1))
    for image_id, path in enumerate(paths, 1):
        data, ids = path.read_bytes(), np.array([image_id], np.int64)
        hashed.add_with_ids(hashes(data)[:1], ids)
        colored.add_with_ids(histogram(data), ids)

    @app.post("/phash_get_similar_images_by_id")
    async def hash_by_id(asked: ById) -> Any:
        query = hashed.reconstruct(asked.image_id)[None]
        return nearest(hashed, query, asked.k, asked.distance_threshold)

    @app.post("/color_get_similar_images_by_id")
    async def color_by_id(asked: ById) -> Any:
        query = colored.reconstruct(asked.image_id)[None]
        return nearest(colored, query, asked.k, asked.distance_threshold)

    @app.post("/phash_get_similar_images_by_image_buffer")
    async def hash_by_image(
        image: Annotated[bytes, File()],
        k: Annotated[str | None, Form()] = None,
        distance_threshold: Annotated[str | None, Form()] = None,
    ) -> Any:
        return nearest(hashed, hashes(image), k, distance_threshold)

    @app.post("/color_get_similar_images_by_image_buffer")
    async def color_by_image(
        image: Annotated[bytes, File()],
        k: Annotated[str | None, Form()] = None,
        distance_threshold: Annotated[str | None, Form()] = None,
    ) -> Any:
        return nearest(colored, histogram(image), k, distance_threshold)

    return app


def serve(paths: list[Path]) -> None:
    """Serve on a free port, and say which."""
    config = uvicorn.Config(original(paths), log_level="warning", http="h11")
    # The protocol is named, as asyncio sends small answers at once only where it is.
    protocol = socket.IPPROTO_TCP
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host, port = listener.getsockname()
        print(json.dumps({"ready": f"http://{host}:{port}"}, indent=0), flush=True)
        uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Read the folder and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    serve(paths)


if __name__ == "__main__":
    main()
