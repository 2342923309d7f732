"""Images that may have broken a service."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from ambience.core.features import ImageId

ServicesByImage: TypeAlias = Mapping[ImageId, Collection[str]]
"""Images, each with the names of the services that it waits for."""


class Suspects:
    """Finds the image that breaks a service, so that the others get through.

    If a service gives no answer, it may be down, or an image may have broken it. So
    each image that it was given then is given alone the next time, after all others. If
    the service takes those, and again gives no answer to this one, it is to blame.
    """

    def __init__(self) -> None:
        self._got: Counter[str] = Counter()  # number of images, by service
        # What that number was when the service last gave no answer to an image.
        self._before: defaultdict[str, dict[ImageId, int]] = defaultdict(dict)

    def has(self, service: str, image_id: ImageId) -> bool:
        """Whether an image has to be given to a service alone."""
        return image_id in self._before[service]

    def split(self, due: ServicesByImage) -> tuple[ServicesByImage, ServicesByImage]:
        """Return what to give to services first, and what to give them last."""
        last = {
            image_id: suspect
            for image_id, names in due.items()
            if (suspect := {name for name in names if self.has(name, image_id)})
        }
        first = {
            image_id: rest
            for image_id, names in due.items()
            if (rest := set(names) - set(last.get(image_id, ())))
        }
        return first, last

    def note(self, service: str, ids: Sequence[ImageId]) -> bool:
        """Record that a service gave no answer; tell whether it is the image's fault.

        Args:
            service: The service.
            ids: The images that it was given.
        """
        before, got = self._before[service], self._got[service]
        is_to_blame = len(ids) == 1 and before.get(ids[0], got) < got
        before.update(dict.fromkeys(ids, got))
        return is_to_blame

    def clear(self, service: str, ids: Sequence[ImageId]) -> None:
        """Record that a service has received images."""
        self._got[service] += len(ids)
        for image_id in ids:
            self._before[service].pop(image_id, None)
