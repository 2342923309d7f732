"""Services that say something about an image: a sentence, its words, its tags."""

from ambience.service.annotators.annotator import Annotator
from ambience.service.annotators.annotator_spec import AnnotatorSpec

__all__ = ["Annotator", "AnnotatorSpec"]
