BEGIN TRANSACTION;
CREATE TABLE claims (          -- ids that callers have put to one service alone
    service TEXT NOT NULL,
    image_id INTEGER NOT NULL,
    PRIMARY KEY (service, image_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "claims" VALUES('color',11);
INSERT INTO "claims" VALUES('phash',8);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO "counters" VALUES('next_image_id',12);
INSERT INTO "counters" VALUES('claims_complete',1);
INSERT INTO "counters" VALUES('after:files',2);
CREATE TABLE images (
    image_id INTEGER PRIMARY KEY,
    path BLOB UNIQUE,          -- the user's file, as the system spells it
    original TEXT,             -- or our own copy, relative to originals/
    sha256 BLOB NOT NULL,
    byte_count INTEGER NOT NULL,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    format TEXT NOT NULL,
    shown_at TEXT NOT NULL,    -- when it was taken, else when the file was made
    modified_ns INTEGER,       -- of the user's file, to see that it changed
    added_at TEXT NOT NULL,
    missing INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "images" VALUES(1,X'2F70686F746F732F612E6A7067',NULL,X'0101010101010101010101010101010101010101010101010101010101010101',1001,480,640,'jpeg','2020-06-01T12:00:00',5,'2026-01-01T00:00:00+00:00',0);
INSERT INTO "images" VALUES(2,X'2F70686F746F732F636166E92E6A7067',NULL,X'0202020202020202020202020202020202020202020202020202020202020202',1002,480,640,'jpeg','2020-06-02T12:00:00',6,'2026-01-01T00:00:00+00:00',0);
INSERT INTO "images" VALUES(3,X'2F70686F746F732F632E6A7067',NULL,X'0303030303030303030303030303030303030303030303030303030303030303',1003,480,640,'jpeg','2020-06-03T12:00:00',NULL,'2026-01-01T00:00:00+00:00',1);
INSERT INTO "images" VALUES(7,NULL,'000000/7-aa.jpeg',X'0707070707070707070707070707070707070707070707070707070707070707',1007,480,640,'jpeg','2020-06-07T12:00:00',NULL,'2026-01-01T00:00:00+00:00',0);
CREATE TABLE journal (
    image_id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,       -- the process at work
    operation TEXT NOT NULL,
    source TEXT NOT NULL,      -- staged bytes to go on from, relative to staging/
    keep INTEGER NOT NULL      -- whether they are to become an original
) STRICT;
INSERT INTO "journal" VALUES(7,'12aeae281de14229a94151790b98edb7','put','7-0123',1);
CREATE TABLE missed (
    service TEXT NOT NULL,
    image_id INTEGER NOT NULL,
    reason TEXT NOT NULL,      -- why the service could not follow
    since TEXT NOT NULL,
    stuck INTEGER NOT NULL DEFAULT 0,  -- it was tried, and the image can't be had
    PRIMARY KEY (service, image_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "missed" VALUES('color',1,'no answer','2026-01-02T03:04:05.457940+00:00',0);
INSERT INTO "missed" VALUES('color',2,'no answer','2026-01-02T03:04:05.457940+00:00',0);
INSERT INTO "missed" VALUES('color',3,'the file is gone','2026-01-02T03:04:05.457940+00:00',1);
INSERT INTO "missed" VALUES('color',8,'no answer','2026-01-02T03:04:05.460124+00:00',0);
CREATE TABLE trash (
    image_id INTEGER NOT NULL,
    path BLOB,
    trashed TEXT,              -- our own copy, relative to trash/
    sha256 BLOB NOT NULL,
    deleted_at TEXT NOT NULL
, alone INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "trash" VALUES(8,NULL,'8-bb.jpeg',X'0808080808080808080808080808080808080808080808080808080808080808','2026-01-02T03:04:05.460058+00:00',1);
INSERT INTO "trash" VALUES(9,X'2F70686F746F732F642E6A7067',NULL,X'0909090909090909090909090909090909090909090909090909090909090909','2026-01-02T03:04:05.460941+00:00',0);
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE INDEX images_by_date ON images (shown_at, image_id);
CREATE INDEX trash_by_path ON trash (path);
CREATE INDEX missed_waiting ON missed (service, image_id) WHERE stuck = 0;
CREATE INDEX trash_by_image ON trash (image_id);
PRAGMA user_version = 3;
COMMIT;
