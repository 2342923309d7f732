"""How SQLite catalogs were changed before changes had revisions.

``PRAGMA user_version`` counts these versions from 1. An older file first gets the
changes it lacks, and then the first revision.
"""

from typing import Final

_MISSED = """
CREATE TABLE missed (
    service TEXT NOT NULL,
    image_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    since TEXT NOT NULL,
    stuck INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (service, image_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX missed_waiting ON missed (service, image_id) WHERE stuck = 0;
ALTER TABLE trash ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;
CREATE INDEX trash_by_image ON trash (image_id);
"""

_CLAIMS = """
CREATE TABLE claims (
    service TEXT NOT NULL,
    image_id INTEGER NOT NULL,
    PRIMARY KEY (service, image_id)
) STRICT, WITHOUT ROWID;
-- A catalog that had images before knows of none that were added to a service alone.
INSERT INTO counters
    SELECT 'claims_complete', value = 1 AND NOT EXISTS (SELECT 1 FROM images)
    FROM counters WHERE name = 'next_image_id';
"""

ADDED: Final = (_MISSED, _CLAIMS)
"""What each version after the first one added."""
