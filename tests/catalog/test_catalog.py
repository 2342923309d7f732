"""The catalog finds images by id, content, path and date, and gives out ids."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ambience.catalog import (
    Catalog,
    ImageRecord,
    Journal,
    JournalEntry,
    LoneImages,
    Missed,
    Operation,
    Positions,
    Reach,
    integrity,
)
from ambience.catalog.catalog import Position
from ambience.catalog.database import Database
from ambience.core.errors import BusyError, NotFoundError
from ambience.core.features import ImageId

NOON = datetime.fromisoformat("2020-06-01 12:00")  # local, as cameras write it


def record(image_id: int, **fields: Any) -> ImageRecord:
    return replace(
        ImageRecord(
            image_id=ImageId(image_id),
            sha256=bytes([image_id % 256]) * 32,
            byte_count=1000 + image_id,
            size=(480, 640),
            format="jpeg",
            shown_at=NOON,
            added_at=datetime(2026, 1, 1, tzinfo=UTC),
        ),
        **fields,
    )


@pytest.fixture
def catalog(database: Database) -> Catalog:
    return Catalog(database)


@pytest.fixture
def missed(database: Database) -> Missed:
    return Missed(database)


@pytest.fixture
def journal(database: Database, tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(database, tmp_path / "locks")
    yield journal
    journal.close()


def test_a_record_comes_back_as_it_was(catalog: Catalog) -> None:
    image = record(7, path=Path("/a/b.jpg"), modified_ns=5, missing=True)
    catalog.put([image])
    assert catalog.get(ImageId(7)) == image
    assert len(catalog) == 1


def test_an_unknown_image_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(NotFoundError, match="no image 7"):
        catalog.get(ImageId(7))


def test_putting_an_id_again_replaces_it(catalog: Catalog) -> None:
    catalog.put([record(7, path=Path("/a.jpg"))])
    catalog.put([record(7, original="000000/x.jpeg")])
    assert catalog.get(ImageId(7)).original == "000000/x.jpeg"
    assert catalog.get(ImageId(7)).path is None


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_path_that_is_no_text_comes_back_as_it_was(catalog: Catalog) -> None:
    path = Path(os.fsdecode(b"/photos/caf\xe9.jpg"))
    catalog.put([record(1, path=path)])
    assert catalog.get(ImageId(1)).path == path
    assert list(catalog.files_in(Path("/photos"))) == [path]


def test_files_in_a_folder_are_those_below_it_only(catalog: Catalog) -> None:
    names = ["/a/x.jpg", "/a/b/y.jpg", "/ab/z.jpg", "/a.jpg", "/a%/w.jpg"]
    catalog.put([record(i, path=Path(name)) for i, name in enumerate(names)])
    assert set(catalog.files_in(Path("/a"))) == {Path("/a/x.jpg"), Path("/a/b/y.jpg")}
    assert set(catalog.files_in(Path("/a.jpg"))) == {Path("/a.jpg")}
    assert len(catalog.files_in(Path("/"))) == 5


def test_the_newest_come_first_page_by_page(catalog: Catalog) -> None:
    days = [0, 3, 3, 1, 2, 3]
    catalog.put(
        [record(i, shown_at=NOON + timedelta(days=day)) for i, day in enumerate(days)]
    )
    seen: list[int] = []
    after = None
    while page := catalog.newest(limit=2, after=after):
        seen += [image.image_id for image in page]
        after = Position(page[-1].shown_at, page[-1].image_id)
    assert seen == [5, 2, 1, 4, 3, 0]


def test_everything_is_listed_by_id(catalog: Catalog) -> None:
    catalog.put([record(i) for i in range(2500, 0, -1)])
    assert catalog.ids() == list(range(1, 2501))


def test_an_id_is_given_out_once_and_never_again(
    catalog: Catalog, journal: Journal
) -> None:
    assert catalog.reserve_ids(2) == [1, 2]
    begun = journal.begin([JournalEntry(ImageId(4), Operation.PUT)])
    image = record(4)
    catalog.put([image], begun=begun)
    catalog.delete(image, trashed=None)  # and still nobody else gets its id
    catalog.note_lone_image(ImageId(7), service="phash")
    assert catalog.reserve_ids(2) == [8, 9]
    assert catalog.reserve_ids(0) == []


def test_an_id_at_the_end_of_the_range_does_not_use_ids_up(catalog: Catalog) -> None:
    catalog.note_lone_image(ImageId(2**53 - 1), service="phash")
    assert catalog.reserve_ids(1) == [1]


def test_a_reserved_id_that_was_taken_meanwhile_is_not_used(
    catalog: Catalog, journal: Journal
) -> None:
    (reserved,) = catalog.reserve_ids(1)
    catalog.put([record(reserved)])
    with pytest.raises(BusyError):
        journal.begin([JournalEntry(reserved, Operation.PUT)], new=[reserved])
    assert journal.is_empty()


def test_a_deleted_file_is_remembered_until_it_is_added_again(
    catalog: Catalog,
) -> None:
    image = record(1, path=Path("/a.jpg"))
    catalog.put([image])
    catalog.delete(image, trashed=None)
    assert catalog.deleted_among({Path("/a.jpg"): image.sha256})
    assert not catalog.deleted_among({Path("/a.jpg"): b"other"})
    catalog.put([record(5, path=Path("/a.jpg"))])
    assert not catalog.deleted_among({Path("/a.jpg"): image.sha256})


def test_a_moved_file_and_a_missing_one(catalog: Catalog) -> None:
    catalog.put([record(1, path=Path("/a.jpg"), modified_ns=1)])
    catalog.mark_missing([ImageId(1)], missing=True)
    assert catalog.get(ImageId(1)).missing
    catalog.move(ImageId(1), Path("/b.jpg"), modified_ns=2)
    moved = catalog.get(ImageId(1))
    assert (moved.path, moved.modified_ns, moved.missing) == (Path("/b.jpg"), 2, False)


def test_an_entry_ends_with_its_change(catalog: Catalog, journal: Journal) -> None:
    begun = journal.begin([JournalEntry(ImageId(1), Operation.PUT)])
    assert not journal.is_empty()
    catalog.put([record(1)], begun=begun)
    assert journal.is_empty()


def test_an_id_under_change_is_not_given_out(
    catalog: Catalog, journal: Journal
) -> None:
    journal.begin([JournalEntry(ImageId(1), Operation.PUT)])
    assert catalog.reserve_ids(1) == [2]


def test_what_a_service_missed_changes_with_the_image_or_not_at_all(
    catalog: Catalog, missed: Missed
) -> None:
    away = Reach(missed={"color": "away"})
    catalog.put([record(1, path=Path("/a")), record(2)], away)
    assert [entry.image_id for entry in missed.of("color", limit=9)] == [1, 2]
    with pytest.raises(BusyError):  # its path is another image's
        catalog.put([record(2, path=Path("/a"))], Reach(["color"]))
    assert missed.counts() == {"color": 2}
    catalog.put([record(2)], Reach(["color"]))
    catalog.delete(record(1), trashed=None, reach=Reach(["color"]))
    assert missed.counts() == {}


def test_what_is_stuck_waits_until_its_file_is_seen(
    catalog: Catalog, missed: Missed
) -> None:
    images = [record(1, path=Path("/a")), record(2, original="b"), record(3)]
    catalog.put(images, Reach(missed={"color": "away"}))
    for image in images:
        missed.mark_stuck("color", image, "gone")
    assert missed.waiting("color", limit=9) == []
    assert missed.reasons("color") == {"gone": (3, 1)}
    catalog.touch(ImageId(1), modified_ns=2)
    assert missed.waiting("color", limit=9) == [1]
    missed.retry("color")  # but nothing ever helps what has no file
    assert missed.waiting("color", limit=9) == [1, 2]
    missed.mark_stuck("color", record(2, original="before"), "gone")  # no longer so
    assert missed.waiting("color", after=ImageId(1), limit=9) == [2]


def test_only_what_is_missed_and_free_is_begun_to_be_repaired(
    catalog: Catalog, journal: Journal, missed: Missed
) -> None:
    ids = [ImageId(i) for i in (1, 2, 3)]
    catalog.put([record(1), record(2)], Reach(missed={"color": "away"}))
    journal.begin([JournalEntry(ids[1], Operation.PUT, "staged")])
    begun, missing = journal.begin_repair({"color": ids})
    assert missing == {"color": begun.ids}
    assert begun.ids == [1]
    assert journal.begin_repair({"phash": ids})[0].ids == []
    with pytest.raises(BusyError, match="repairing image 1"):
        catalog.note_lone_image(ids[0], service="color")
    missed.settle({"color": ids[:1]}, begun=begun)
    assert [entry.image_id for entry in journal.ours()] == [2]
    assert journal.ours()[0].source == "staged"  # a repair does not take it over
    assert missed.waiting("color", limit=9) == [2]


def test_what_was_deleted_is_left_over_unless_its_id_was_given_anew(
    catalog: Catalog, missed: Missed
) -> None:
    ids = [ImageId(i) for i in (1, 2, 3, 4)]
    for image_id in ids[:3]:
        catalog.put([record(image_id)])
    for image_id in ids[:2]:
        catalog.delete(record(image_id), trashed=None)
    catalog.note_lone_image(ids[1], service="color")
    assert missed.left_over(ids) == [1]  # 3 is known, 4 was never
    missed.note_left_over("color", ids, "still there")
    missed.note_absent("phash", ids, "not there")
    assert [entry.image_id for entry in missed.of("color", limit=9)] == [1]
    assert [entry.image_id for entry in missed.of("phash", limit=9)] == [3]


def test_many_images_are_found_in_the_order_in_which_they_are_asked_for(
    catalog: Catalog,
) -> None:
    catalog.put([record(i) for i in range(1200)])
    wanted = [ImageId(i) for i in range(1300, -1, -1)]
    found = [image.image_id for image in catalog.find(wanted)]
    assert found == list(range(1199, -1, -1))


@pytest.mark.parametrize("name", ["x.jpg", "caf\u00e9.jpg", "%.jpg"])
def test_a_file_is_found_by_its_name_in_any_folder(catalog: Catalog, name: str) -> None:
    catalog.put(
        [
            record(1, path=Path("/a", name)),
            record(2, path=Path("/b/c", name)),
            record(3, path=Path(f"/a/y{name}")),
            record(4, path=Path("/z")),
        ]
    )
    assert catalog.with_name(name) == [1, 2]


def test_what_is_unknown_is_neither_known_deleted_claimed_nor_under_way(
    catalog: Catalog, journal: Journal, database: Database
) -> None:
    ids = [ImageId(i) for i in range(5)]
    catalog.put([record(0), record(1)])
    catalog.delete(record(1), trashed=None)
    journal.begin([JournalEntry(ids[2], Operation.PUT)])
    catalog.note_lone_image(ids[3], service="color")
    claims = LoneImages(database)
    assert claims.unknown("color", ids) == [4]
    assert claims.unknown("phash", ids) == [3, 4]
    assert claims.among(ids) == {3}
    assert claims.without_page(ids) == {1, 2, 4}


def test_where_work_got_to_is_remembered(database: Database) -> None:
    positions = Positions(database)
    assert positions.get("files") is None
    positions.put("files", ImageId(3))
    positions.put("files", ImageId(7))
    assert positions.get("files") == 7
    positions.put("files", None)
    assert positions.get("files") is None


def test_a_sound_catalog_has_no_damage(database: Database, catalog: Catalog) -> None:
    catalog.put([record(1, path=Path("/a"))])
    assert integrity.problems(database) == []
    assert integrity.mend(database)
