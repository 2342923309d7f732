"""Transforms from points of one image to points of another, despite wrong pairs."""

from collections.abc import Iterator

import numpy as np

from ambience.core.geometry import Matrix, Points
from ambience.core.opencv import opencv

_FOR_AFFINE = 5  # pairs: two more than such a transform needs
_FOR_HOMOGRAPHY = 8  # the same, twice
_KEPT = 2 / 3  # of pairs, the best, decide on a similarity
_TINY = 1e-12  # instead of a division by zero, where all points are one


def fits(here: Points, there: Points, *, near: float) -> Iterator[Matrix]:
    """Yield transforms, the simplest first: a similarity, then what bends more.

    Those that bend are estimated by MAGSAC++ (Barath et al., CVPR 2020).

    Args:
        here: Shape ``(n, 2)``, ``n >= 1``.
        there: Where these are in the other image.
        near: How far from there they may end, in the same unit.

    Yields:
        Up to three; fewer where there are too few points or nothing is found.
    """
    cv2 = opencv()
    yield similarity(here, there)
    if len(here) >= _FOR_AFFINE:
        affine, _ = cv2.estimateAffine2D(
            here, there, method=cv2.USAC_MAGSAC, ransacReprojThreshold=near
        )
        if affine is not None and np.isfinite(affine).all():
            yield np.vstack([affine, (0, 0, 1)]).astype(np.float64)
    if len(here) >= _FOR_HOMOGRAPHY:
        homography, _ = cv2.findHomography(here, there, cv2.USAC_MAGSAC, near)
        if homography is not None and np.isfinite(homography).all():
            yield np.asarray(homography, np.float64)


def similarity(here: Points, there: Points) -> Matrix:
    """Return the similarity of least squares, first of all pairs, then of the best.

    Umeyama, "Least-squares estimation of transformation parameters", 1991; in the
    plane, a product of complex numbers.
    """
    a, b = here @ (1, 1j), there @ (1, 1j)
    kept = np.arange(len(a))
    for _ in range(2):
        from_middle = a[kept] - a[kept].mean()
        length = max(float(np.vdot(from_middle, from_middle).real), _TINY)
        factor = np.vdot(from_middle, b[kept] - b[kept].mean()) / length
        offset = b[kept].mean() - factor * a[kept].mean()
        error = np.abs(factor * a + offset - b)
        kept = np.argsort(error, kind="stable")[: max(2, round(_KEPT * len(a)))]
    rows = [
        (factor.real, -factor.imag, offset.real),
        (factor.imag, factor.real, offset.imag),
        (0, 0, 1),
    ]
    return np.array(rows, np.float64)
