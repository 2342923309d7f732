"""Estimates transforms between the matched points of two images, despite outliers."""

from collections.abc import Iterator

import numpy as np

from ambience.core.geometry import Matrix, Points
from ambience.core.opencv import opencv

_FOR_AFFINE = 5  # matches: two more than an affine transform needs
_FOR_HOMOGRAPHY = 8  # matches: twice what a homography needs
_KEPT = 2 / 3  # of the matches, the best ones, determine a similarity
_TINY = 1e-12  # avoids a division by zero if all points coincide


def candidate_transforms(
    here: Points, there: Points, *, near: float
) -> Iterator[Matrix]:
    """Yield a similarity, an affine transform and a homography, in this order.

    The latter two are estimated by MAGSAC++ (Barath et al., CVPR 2020).

    Args:
        here: Points in one image, shape ``(n, 2)``, ``n >= 1``.
        there: The same points in the other image.
        near: The largest error of an inlier, in the same unit.

    Yields:
        Up to three transforms; fewer if there are too few points or none is found.
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
    """Return the least-squares similarity, fitted to all matches and then to the best.

    Umeyama, "Least-squares estimation of transformation parameters", 1991; in the
    plane, it is a product of complex numbers.
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
