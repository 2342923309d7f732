"""Says how large an image is."""

from collections.abc import Sequence

from ambience.core.settings import ServiceSettings
from ambience.imaging import ImageFile
from ambience.service.annotators import Annotator, AnnotatorSpec
from ambience.service.capabilities import Annotation


class Sizes(Annotator[ServiceSettings]):
    """Measures images."""

    model = "a ruler"

    def annotate(self, images: Sequence[ImageFile]) -> list[Annotation]:
        sizes = [image.info.size for image in images]
        return [
            Annotation(
                f"{width} by {height} pixels",
                {"width": width, "height": height},
                self.model,
            )
            for height, width in sizes
        ]


SERVICE = AnnotatorSpec(
    name="toy_sizes",
    port=33903,
    settings=ServiceSettings,
    make=lambda name, settings, _: Sizes(name, settings),
)
