"""Makes edited copies of images, and knows where the originals lie in each.

Tests, benchmarks and calibration use these edits:

- ``identical``: the same pixels
- ``JPEG 30``: saved as a JPEG of quality 30
- ``half size``: both sides halved
- ``squeezed square``: both sides set to their mean, which distorts shapes
- ``blur``: Gaussian, its radius 1/320 of the longest side
- ``noise``: grain with a standard deviation of ten gray levels
- ``gray``: without color
- ``brightness and saturation``: 1.2 times as bright, colors 1.3 times as strong
- ``thumbnail 128 px``, ``thumbnail 64 px``: the longest side shrunk to this
- ``mirror``, ``flip``: left and right swapped; top and bottom swapped
- ``rotate 90``: turned by a quarter, in either direction
- ``rotate 180``: turned upside down
- ``rotate 25``: turned by 25 degrees in either direction, the corners filled with gray
- ``rotate 8 inside``: turned by 8 degrees in either direction, then cut to the largest
  upright rectangle inside
- ``crop 87.5 %``, ``crop 60 %``, ``crop 35 %``, ``crop 20 %``: a part from a random
  place; each side is this share of the original's
- ``crop 70 % at half size``: such a part, both sides halved
- ``mirrored crop 70 %``: such a part, left and right swapped
- ``text bar``: an opaque bar with text over the lowest fifth
- ``white border``: 6 % of the longest side, all around
- ``perspective``: each corner pulled inwards by up to 6 % of the sides
- ``screenshot 640 px``, ``screenshot 240 px``: a web page of 1280 x 800 pixels, or
  higher if needed, that shows the image at this width
- ``collage of two``: side by side at the same height
- ``collage of nine``: three rows of three, each fitted into 320 x 320 pixels, on white
- ``mirrored half crop, recolored, text, JPEG 20``: half of the area, with each channel
  up to a fifth stronger or weaker, and a line of text over it
- ``crop 60 %, recolored, JPEG 20``
- ``screenshot 640 px of a crop 70 %, JPEG 40``

and to measure what is found of small parts, `SMALL_PARTS`:

- ``crop 10 %``
- ``240 px on a page of 1650 x 2200``: a page of this size that shows the image at this
  width
- ``collage of twenty-five``: five rows of five, each fitted into 256 x 256 pixels
- ``strip of fifteen``: one below the other, each 600 pixels wide

Only pages and collages may enlarge an original.
"""

from ambience.imaging.edits.edited_image import Edited, Placed
from ambience.imaging.edits.table import EDITS, SMALL_PARTS, Edit

__all__ = ["EDITS", "SMALL_PARTS", "Edit", "Edited", "Placed"]
