"""Whatever bytes are sent as an image, the answer is a sentence at worst."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import httpx2
import numpy as np
import pytest
from PIL import Image

from tests.drawing import drawn_image, encode
from tests.faults.hostile import (
    JPEG,
    LIMIT_MIB,
    MEBI,
    PIXELS,
    PNG,
    ROUTES,
    Target,
    check_problem,
)


def png_that_declares(width: int, height: int, packed: bytes = b"") -> bytes:
    """A PNG whose header is not what its pixels are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        size, crc = struct.pack(">I", len(data)), zlib.crc32(kind + data)
        return size + kind + data + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def bomb() -> bytes:
    """A gray PNG of 20,000 x 20,000 pixels, whole, in 400 kB."""
    packer = zlib.compressobj(1)
    row = bytes(20_001)
    packed = b"".join(packer.compress(row) for _ in range(20_000)) + packer.flush()
    return png_that_declares(20_000, 20_000, packed)


def text_bomb() -> bytes:
    """A small PNG with a compressed text of 512 MiB."""
    packer = zlib.compressobj(1)
    parts = [packer.compress(bytes(MEBI)) for _ in range(512)]
    data = b"comment\0\0" + b"".join(parts) + packer.flush()
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data
    return PNG[:33] + chunk + struct.pack(">I", zlib.crc32(chunk[4:])) + PNG[33:]


REFUSED = {
    "zero bytes": b"",
    "one byte": b"\xff",
    "text": b"hello, this is no image at all",
    "zeros": bytes(10_000),
    "a page": b"<!doctype html><html><script>alert(1)</script></html>",
    "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj",
    "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">'
    b"<script>alert(1)</script></svg>",
    "ZIP": b"PK\x03\x04\x14\x00" + bytes(100),
    "MP4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41" + bytes(99),
    "a program": b"\x7fELF" + bytes(100),
    "a declared bomb": png_that_declares(50_000, 50_000),
    "a flat one": png_that_declares(2**31 - 1, 1),
    "no width": png_that_declares(0, 10),
    "the sign bit": png_that_declares(2**31, 2**31),
    "PNG and no pixels": png_that_declares(80, 60),
    "a WebP that is none": b"RIFF\xff\xff\xff\xffWEBPVP8X" + bytes(20),
    "a GIF without frames": b"GIF89a" + bytes(7),
    "a TIFF that turns in circles": b"II*\x00\x08\x00\x00\x00\x00\x00\x08\x00\x00\x00",
    "an AVIF that is none": b"\x00\x00\x00\x1cftypavif" + bytes(100),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_what_is_no_image_is_refused(
    target: Target, method: str, route: str, name: str
) -> None:
    answer = target.client.request(method, route, files={"image": REFUSED[name]})
    check_problem(answer, 413, 415, 422)


@pytest.mark.parametrize("make", [bomb, text_bomb])
def test_a_decompression_bomb_costs_nothing(
    target: Target, make: Callable[[], bytes]
) -> None:
    data = make()
    assert len(data) < LIMIT_MIB * MEBI
    for method, route in ROUTES:
        answer = target.client.request(method, route, files={"image": data})
        if make is bomb:
            assert "megapixels" in check_problem(answer, 413)
        else:
            assert answer.is_success or check_problem(answer)
    target.check_well()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_an_image_cut_off_anywhere_is_answered(target: Target, form: str) -> None:
    whole = encode(PIXELS, form)
    cuts = {round(share * len(whole)) for share in np.linspace(0, 0.999, 16)}
    for cut in sorted(cuts | {1, 2, 4, 8, 12, 15}):
        files = {"image": whole[:cut]}
        answer = target.client.post("/api/reverse_search", files=files)
        assert answer.is_success or check_problem(answer, 413, 415, 422)
    for cut in (len(whole) // 3, len(whole) // 2):
        answer = target.client.put("/api/images/8", files={"image": whole[:cut]})
        check_problem(answer, 415, 422)
    check_problem(target.client.get("/api/images/8"), 404)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_an_image_with_wrong_bytes_is_answered(target: Target, form: str) -> None:
    rng, whole = np.random.default_rng(7), encode(PIXELS, form)
    for _ in range(20):
        data = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 12)):
            data[place] = rng.integers(0, 256)
        answer = target.client.post("/api/reverse_search", files={"image": bytes(data)})
        assert answer.is_success or check_problem(answer, 413, 415, 422)


def animation(form: str) -> bytes:
    frames = [Image.fromarray(drawn_image(seed, (60, 80))) for seed in (1, 2, 3)]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:], duration=50)
    return out.getvalue()


def converted(mode: str, form: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(out, form)
    return out.getvalue()


def transparent_palette() -> bytes:
    out = io.BytesIO()
    palette = Image.fromarray(PIXELS).convert("P")
    palette.save(out, "PNG", transparency=3)
    return out.getvalue()


UNUSUAL: dict[str, Callable[[], bytes]] = {
    "GIF": lambda: animation("GIF"),
    "APNG": lambda: animation("PNG"),
    "WebP": lambda: animation("WEBP"),
    "CMYK JPEG": lambda: converted("CMYK", "JPEG"),
    "16-bit PNG": lambda: encode(PIXELS[..., 0].astype(np.uint16) * 257),
    "palette with transparency": transparent_palette,
    "gray with alpha": lambda: converted("LA", "PNG"),
    "two colors": lambda: converted("1", "PNG"),
    "one pixel": lambda: encode(PIXELS[:1, :1]),
    "one row": lambda: encode(np.tile(PIXELS[:1], (1, 100, 1))),
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_an_unusual_image_finds_itself(target: Target, name: str) -> None:
    data = UNUSUAL[name]()
    target.client.put("/api/images/9", files={"image": data}).raise_for_status()
    answer = target.client.post("/api/reverse_search", files={"image": data}).json()
    found = {match["image_id"]: match["relation"] for match in answer["matches"]}
    assert found[9] == "same_file"
    assert target.client.get("/api/images/9/thumbnail").is_success
    assert target.client.get("/api/images/9/view").is_success
    assert target.client.delete("/api/images/9").is_success


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_body_that_is_too_large_is_refused(
    target: Target, method: str, route: str
) -> None:
    data = JPEG + bytes((LIMIT_MIB + 1) * MEBI)
    with target.server.client() as client:
        answer = client.request(method, route, files={"image": data})
    assert "MiB" in check_problem(answer, 413)


def endless_form(mebibytes: int) -> Iterator[bytes]:
    yield (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    )
    for _ in range(mebibytes):
        yield bytes(MEBI)
    yield b"\r\n--b--\r\n"


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_a_body_of_unsaid_length_is_refused_while_it_comes(
    target: Target, method: str, route: str
) -> None:
    with target.server.client() as client:
        answer = client.request(
            method,
            route,
            content=endless_form(LIMIT_MIB + 2),
            headers={"content-type": "multipart/form-data; boundary=b"},
        )
    assert "MiB" in check_problem(answer, 413)


def test_a_body_without_end_is_cut_off(target: Target) -> None:
    with target.server.client() as client:
        try:
            answer = client.post(
                "/api/reverse_search",
                content=endless_form(2000),
                headers={"content-type": "multipart/form-data; boundary=b"},
            )
        except httpx2.TransportError:
            pass  # the server hung up while we were still sending
        else:
            check_problem(answer, 413)
    target.check_well()
