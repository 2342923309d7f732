"""Draws images that are easily mistaken for copies of each other.

Their true relations are known. Tests, benchmarks and calibration use these families:

- ``page``, ``invoice``, ``chat``, ``code``, ``news``: the same layout, different text
- ``site``: screenshots of a web site with the same top bar and side bar
- ``meme``, ``panels``: one photograph with different captions, and one caption on
  different photographs
- ``logo``: logos of the same few shapes
- ``burst``: shots from a moving camera, with things that move in front of it
- ``video``: frames from a still camera, with things that move in front of it
- ``stereo``: one scene from neighboring places
"""

from ambience.imaging.families.documents import chat, code, invoice, news, page, site
from ambience.imaging.families.family import (
    EACH,
    PHOTOGRAPHS,
    Family,
    FamilyImage,
    relation,
)
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

__all__ = ["EACH", "FAMILIES", "PHOTOGRAPHS", "Family", "FamilyImage", "relation"]
