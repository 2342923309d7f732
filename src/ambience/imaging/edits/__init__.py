"""Copies of an image as people make them, and where the original lies in each.

Tests, benchmarks and calibration make these edits, whose geometry is known:

- ``identical``: the same pixels
- ``JPEG 30``: saved again, as a JPEG of quality 30
- ``half size``: both sides halved
- ``squeezed square``: both sides made their mean, so that shapes are distorted
- ``blur``: Gaussian, its radius 1/320 of the longest side
- ``noise``: grain of ten gray levels
- ``gray``: without color
- ``brightness and saturation``: 1.2 times as bright, colors 1.3 times as strong
- ``thumbnail 128 px``, ``thumbnail 64 px``: the longest side made so long
- ``mirror``, ``flip``: left and right swapped; top and bottom swapped
- ``rotate 90``: turned by a quarter, either way
- ``rotate 180``: turned upside down
- ``rotate 25``: turned by 25 degrees either way, the corners filled with gray
- ``rotate 8 inside``: turned by 8 degrees either way, and of that the largest upright
  rectangle
- ``crop 87.5 %``, ``crop 60 %``, ``crop 35 %``, ``crop 20 %``: a part from a random
  place; its sides are this share of the original's
- ``crop 70 % at half size``: such a part, both sides halved
- ``mirrored crop 70 %``: such a part, left and right swapped
- ``text bar``: an opaque bar with text over the lowest fifth
- ``white border``: 6 % of the longest side, all around
- ``perspective``: each corner pulled inwards by up to 6 % of the sides
- ``screenshot 640 px``, ``screenshot 240 px``: a web page of 1280 x 800 pixels that
  shows the image so wide; a longer page where the image is higher than that
- ``collage of two``: side by side, equally high
- ``collage of nine``: three rows of three, each fitted into 320 x 320 pixels, on white
- ``mirrored half crop, recolored, text, JPEG 20``: half of the area; each channel up to
  a fifth stronger or weaker; a line of text over it
- ``crop 60 %, recolored, JPEG 20``
- ``screenshot 640 px of a crop 70 %, JPEG 40``

An original is never enlarged, but by the pages and collages that show it.
"""

from ambience.imaging.edits.placing import Edited, Placed
from ambience.imaging.edits.table import EDITS, Edit

__all__ = ["EDITS", "Edit", "Edited", "Placed"]
