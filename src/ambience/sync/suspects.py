"""Images on which a service may have broken down."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from ambience.core.features import ImageId

Due: TypeAlias = Mapping[ImageId, Collection[str]]
"""Images, each with the names of the services that it waits for."""


class Suspects:
    """Finds the image that makes a service break down, so that others come in.

    A service that gives no answer may be down, or an image may have broken it. So each
    image that it was given then is given alone the next time, after all others. If it
    took those, and gives no answer again, the image is to blame.
    """

    def __init__(self) -> None:
        self._got: Counter[str] = Counter()  # images, by service
        # How many those were when it last gave no answer to an image.
        self._before: defaultdict[str, dict[ImageId, int]] = defaultdict(dict)

    def has(self, service: str, image_id: ImageId) -> bool:
        """Whether a service is to be given an image alone."""
        return image_id in self._before[service]

    def told_apart(self, due: Due) -> tuple[Due, Due]:
        """Return what is to be given to services first, and what is last."""
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
        """Note that a service gave no answer; tell whether that is the image's fault.

        Args:
            service: Which.
            ids: The images that it was given.
        """
        before, got = self._before[service], self._got[service]
        is_to_blame = len(ids) == 1 and before.get(ids[0], got) < got
        before.update(dict.fromkeys(ids, got))
        return is_to_blame

    def clear(self, service: str, ids: Sequence[ImageId]) -> None:
        """Note that a service has got images."""
        self._got[service] += len(ids)
        for image_id in ids:
            self._before[service].pop(image_id, None)
