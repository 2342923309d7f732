"""A library is used from Python, without a server."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from ambience import Library
from ambience.catalog.catalog import Position
from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BadParameterError,
    NotFoundError,
    TooLargeError,
)
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch, Relation
from ambience.library.answers import LibraryMatch, SearchResult
from ambience.search.reverse_search import ReverseSearch
from tests.drawing import drawn_image, encode

COUNT = 4
EVIL = "<script>alert(1)</script>"


def drawn(number: int) -> NDArray[np.uint8]:
    return drawn_image(number, (120, 160))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number}.png").write_bytes(encode(drawn(number)))
    return folder


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "data") as library:
        library.add_folder(folder)
        yield library


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("empty")) as library:
        yield library


def found(result: SearchResult) -> list[tuple[str, str]]:
    return [(match.relation, match.path.name if match.path else "") for match in result]


def test_a_folder_is_added_and_what_is_known_is_skipped(
    library: Library, folder: Path
) -> None:
    report = library.add_folder(str(folder))
    assert (report.added, report.skipped, len(library)) == (0, COUNT, COUNT)
    assert sorted(one.path.name for one in library if one.path) == [
        f"{number}.png" for number in range(COUNT)
    ]


def test_a_folder_need_not_be_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    pixels = drawn_image(70, (480, 640))
    (folder / "large.png").write_bytes(encode(pixels))
    crop = pixels[60:400, 100:520]
    with Library.open(tmp_path / "data") as library:
        report = library.add_folder(folder, wait=False)
        assert report.waiting == {"local_features": 1}
        assert found(library.search(pixels)) == [("same_pixels", "large.png")]
        assert found(library.search(crop)) == []
        seen: list[tuple[int, int]] = []
        report = library.add_folder(
            folder, on_follow=lambda one: seen.append((one.done, one.total))
        )
        assert (report.skipped, report.followed) == (1, {"local_features": 1})
        assert seen == [(0, 1), (1, 1)]
        assert found(library.search(crop)) == [("crop", "large.png")]


def queries(folder: Path) -> dict[str, object]:
    path = folder / "2.png"
    return {
        "a path": path,
        "the text of a path": str(path),
        "bytes": path.read_bytes(),
        "a view of bytes": memoryview(path.read_bytes()),
        "an array": drawn(2),
        "a Pillow image": Pillow.open(path),
    }


def test_one_image_is_found_by_whatever_holds_it(
    library: Library, folder: Path
) -> None:
    for what, query in queries(folder).items():
        relation, name = found(library.search(query, copies_only=True))[0]
        assert name == "2.png", what
        assert relation in {"same_file", "same_pixels"}, what


def test_an_image_of_the_library_finds_its_copies_without_itself(
    library: Library, folder: Path
) -> None:
    (folder / "copy.png").write_bytes((folder / "1.png").read_bytes())
    copy = library.add(folder / "copy.png")
    assert found(library.similar(copy.image_id, k=1)) == [("same_file", "1.png")]
    same = library.search(np.int64(copy.image_id), k=1)
    assert found(same) == [("same_file", "1.png")]


def test_a_part_is_searched_with_alone(library: Library, folder: Path) -> None:
    (folder / "two.png").write_bytes(encode(np.hstack([drawn(0), drawn(3)])))
    for name, x in {"0.png": 0, "3.png": 160}.items():
        result = library.search(folder / "two.png", region=(x, 0, 160, 120), k=1)
        assert found(result)[0][1] == name


def test_what_nothing_fits_answers_nothing(library: Library) -> None:
    result = library.search(np.full((60, 80), 127, np.uint8))
    assert len(result) == 0
    assert any("flat" in note for note in result.notes)
    assert "nothing similar in this library" in result._repr_html_()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("a red door", "no service here searches by words"),
        ("nowhere.jpg", "there is no file nowhere.jpg"),
        ("nowhere/", "no service here searches by words"),
        ("http://localhost/a.png", "localhost has no address, or one that is"),
        (b"no image", "not an image"),
        (True, "can't search with a bool"),
        (None, "can't search with a NoneType"),
        (1.5, "can't search with a float"),
        (-1, "an id is between 0 and"),
        (np.zeros((4, 4), np.float32), "an array of float32 and shape"),
        (np.zeros((4, 4, 2), np.uint8), r"shape \(4, 4, 2\) is not an image"),
        (np.zeros((0, 4), np.uint8), "is not an image"),
        (Pillow.new("RGB", (0, 4)), "the image is empty"),
    ],
)
def test_what_can_not_be_searched_with_is_said(
    empty: Library, query: object, sentence: str
) -> None:
    with pytest.raises(AmbienceError, match=sentence):
        empty.search(query)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"k": 0}, "k must be between 1 and 1000"),
        ({"k": 1001}, "k must be between 1 and 1000"),
        ({"min_score": float("nan")}, "min_score must be between 0 and 1"),
        ({"region": (0, 0, 9999, 1)}, "region"),
        ({"services": ["smell"]}, "there is no service 'smell'"),
    ],
)
def test_options_out_of_range_are_refused(
    empty: Library, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AmbienceError, match=sentence):
        empty.search(drawn(1), **options)


def test_words_have_no_region(empty: Library) -> None:
    with pytest.raises(BadParameterError, match="a region needs an image"):
        empty.search("a red door", region=(0, 0, 1, 1))


def test_a_folder_s_name_is_a_word_and_its_path_is_none(
    empty: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beach").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadParameterError, match="by words"):
        empty.search("beach")
    with pytest.raises(BadParameterError, match="can't be read"):
        empty.search("./beach/.")


def test_images_from_memory_are_kept_and_outlive_the_process(tmp_path: Path) -> None:
    data: Any = import_module("skimage.data")
    modes = {
        "RGB": Pillow.fromarray(data.chelsea()),
        "CMYK": Pillow.fromarray(data.coffee()).convert("CMYK"),
        "P": Pillow.fromarray(data.rocket()).quantize(64),
        "I;16": Pillow.fromarray(data.camera().astype(np.uint16) * 257),
    }
    with Library.open(tmp_path / "data") as library:
        added = {mode: library.add(image) for mode, image in modes.items()}
        assert added["RGB"].path is None
    with Library.open(tmp_path / "data") as library:
        for mode, image in modes.items():
            matches = library.search(image, copies_only=True)
            assert [m.image_id for m in matches] == [added[mode].image_id], mode
            assert added[mode].size == (image.height, image.width)


def test_alpha_of_an_array_is_opacity(tmp_path: Path) -> None:
    picture = np.dstack([drawn(1), np.full((120, 160), 255, np.uint8)])
    picture[:, :80, 3] = 0
    with Library.open(tmp_path / "data", enabled=("phash",)) as library:
        added = library.add(picture)
        on_white = drawn(1)
        on_white[:, :80] = 255
        assert [m.image_id for m in library.search(on_white)] == [added.image_id]


def test_a_file_that_is_no_image_is_not_added(library: Library, folder: Path) -> None:
    (folder / "bad.png").write_bytes(b"no image")
    with pytest.raises(BadInputError, match=r"bad\.png: .*not an image"):
        library.add(folder / "bad.png")
    with pytest.raises(BadParameterError, match="there is no file"):
        library.add(folder / "nowhere.png")
    assert len(library) == COUNT


def test_more_than_the_limits_allow_is_refused(tmp_path: Path, folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (800, 800, 3), dtype=np.uint8)
    (folder / "large.png").write_bytes(encode(noise))
    limits = {"max_file_mib": 1}
    with Library.open(tmp_path / "data", limits=limits, enabled=("phash",)) as library:
        with pytest.raises(TooLargeError):
            library.search(folder / "large.png")
        # From memory it is as large as its pixels, which are within the limits.
        assert len(library.search(noise)) == 0


def test_a_removed_image_is_found_no_more(library: Library, folder: Path) -> None:
    first = next(iter(library))
    assert first.path is not None
    library.remove(first.image_id)
    assert first.image_id not in library
    assert "0.png" not in library
    assert found(library.search(first.path, copies_only=True)) == []
    assert library.add_folder(folder).deleted == 1
    assert library.add_folder(folder, again=True).added == 1
    with pytest.raises(NotFoundError):
        library.remove(first.image_id)
    with pytest.raises(NotFoundError):
        library.image(first.image_id)


def test_duplicates_name_what_to_keep(library: Library, folder: Path) -> None:
    (folder / "copy.jpg").write_bytes(encode(drawn(1), "JPEG", quality=70))
    library.add(folder / "copy.jpg")
    (group,) = library.duplicates()
    assert group.keeper.path == folder / "1.png"
    assert [other.path for other in group.others] == [folder / "copy.jpg"]
    html = group._repr_html_()
    assert html.count("<svg") == 2
    assert "keep<br>1.png" in html


def test_answers_show_themselves(library: Library, folder: Path) -> None:
    picture = drawn_image(50, (300, 400))
    (folder / f"{EVIL.replace('/', '')}.png").write_bytes(encode(picture))
    added = library.add_folder(folder).added
    assert added == 1
    result = library.search(picture[60:260, 80:320])
    assert result[0].relation == "crop"
    html = result._repr_html_()
    assert "<polygon" in html
    assert "a crop that shows" in html
    assert "<script" not in html
    assert repr(result[0]).startswith("LibraryMatch(")
    assert result[0]._repr_html_() in html.replace("\n", "")


def test_only_what_is_certain_is_shown_as_one(library: Library) -> None:
    image = next(iter(library))
    match = FusedMatch(image.image_id, 0.99999, Relation.CROP, {"pixels": {}}, "crop")
    assert "LibraryMatch(1, 0.999" in repr(
        LibraryMatch(image, replace(match, relation=Relation.SAME_FILE))
    )


def test_a_match_that_is_in_no_catalog_is_shown_without_a_picture() -> None:
    match = FusedMatch(ImageId(7), 1.0, Relation.SAME_FILE, {}, "same")
    result = SearchResult(
        [LibraryMatch(None, match)], {"color": "down"}, ReverseSearch([])
    )
    html = result._repr_html_()
    assert "image 7" in html
    assert "color: down" in html
    assert result[0].path is None


def test_an_image_is_put_under_a_chosen_id_and_replaced(library: Library) -> None:
    assert library.put(1000, drawn(30)) == {}
    assert [m.image_id for m in library.search(drawn(30), copies_only=True)] == [1000]
    assert library.put(1000, encode(drawn(31)), keep=False) == {}
    assert list(library.search(drawn(30), copies_only=True)) == []
    assert [m.image_id for m in library.search(drawn(31), copies_only=True)] == [1000]
    assert library.image(1000).record.original is None
    with pytest.raises(BadParameterError, match="an id is between 0 and"):
        library.put(-1, drawn(30))
    with pytest.raises(BadInputError, match="not an image"):
        library.put(1001, b"no image")
    assert 1001 not in library


def test_images_are_listed_newest_first_in_pages(library: Library) -> None:
    first = library.newest(limit=COUNT - 1)
    end = first[-1].record
    rest = library.newest(limit=2, after=Position(end.shown_at, end.image_id))
    listed = [one.record.shown_at for one in [*first, *rest]]
    assert len(rest) == 1
    assert listed == sorted(listed, reverse=True)


def test_plain_groups_name_what_shown_ones_do(library: Library) -> None:
    copy = library.add(encode(drawn(1), "JPEG", quality=70))
    steps: list[str] = []
    (plain,) = library.duplicate_groups(
        parts=True, on_progress=lambda step, _: steps.append(step)
    )
    (shown,) = library.duplicates(parts=True)
    assert plain.keeper.image_id == shown.keeper.image_id
    assert [one.image.image_id for one in plain.others] == [copy.image_id]
    assert steps == ["comparing"] * (COUNT + 1)


def test_a_lost_thumbnail_is_made_again_while_there_is_a_file(
    library: Library,
) -> None:
    image = next(iter(library))
    kept = image.thumbnail()
    library.components.originals.remove_thumbnail(image.record.sha256)
    assert image.thumbnail() == kept
    library.components.originals.remove_thumbnail(image.record.sha256)
    assert image.path is not None
    image.path.unlink()
    assert image.thumbnail() is None


def test_thumbnails_outlive_the_library(library: Library) -> None:
    image = next(iter(library))
    before = image.thumbnail()
    library.close()
    assert before is not None
    assert image.thumbnail() == before
