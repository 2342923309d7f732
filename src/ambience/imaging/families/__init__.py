"""Images that are easily taken for copies of each other, with what they truly are.

Tests, benchmarks and calibration draw these families:

- ``page``, ``invoice``, ``chat``, ``code``, ``news``: one layout, other words
- ``site``: screenshots of a web site, which share a bar and a side
- ``meme``, ``panels``: one photograph with several captions, one caption on several
- ``logo``: signs of the same few shapes
- ``burst``: a moving camera, and things that move in front of it
- ``video``: a camera that stands still, and things that move
- ``stereo``: a scene from places beside each other
"""

from ambience.imaging.families.documents import chat, code, invoice, news, page, site
from ambience.imaging.families.item import EACH, PHOTOGRAPHS, Family, Item, relation
from ambience.imaging.families.pictures import logo, meme, panels
from ambience.imaging.families.scenes import burst, stereo, video

_PRINTED = ("JPEG 30", "half size", "crop 87.5 %", "perspective", "gray")
_SHOWN = ("JPEG 30", "half size", "crop 87.5 %", "white border", "gray")
_TAKEN = ("JPEG 30", "half size", "crop 60 %", "mirror", "brightness and saturation")

FAMILIES: tuple[Family, ...] = (
    Family("page", page, _PRINTED),
    Family("invoice", invoice, _PRINTED),
    Family("chat", chat, _SHOWN),
    Family("code", code, _SHOWN),
    Family("news", news, _PRINTED),
    Family("site", site, _SHOWN),
    Family("meme", meme, _TAKEN),
    Family("panels", panels, _SHOWN),
    Family("logo", logo, _SHOWN),
    Family("burst", burst, _TAKEN),
    Family("video", video, _TAKEN),
    Family("stereo", stereo, _TAKEN),
)

__all__ = ["EACH", "FAMILIES", "PHOTOGRAPHS", "Family", "Item", "relation"]
