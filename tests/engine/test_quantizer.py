"""Quantizers are learned from a sample, whatever it holds, and can be stopped."""

import numpy as np
import pytest

from ambience.engine.embedded.descriptors.quantizer import (
    Quantizer,
    TrainingStoppedError,
    clustered,
    lists_for,
    sample_size,
)
from tests.engine.keypoint_rows import drawn_rows


def test_lists_are_a_power_of_two_below_four_roots() -> None:
    counts = [0, 1, 255, 20_000, 262_143, 262_144, 4_000_000, 40_000_000]
    lists = [lists_for(count) for count in counts]
    assert lists == [64, 64, 64, 512, 1024, 2048, 4096, 16384]
    assert sample_size(4_000_000) == 163_840


def test_equal_samples_give_equal_quantizers() -> None:
    rows = drawn_rows(1, 1500)
    one, other = Quantizer.trained(rows, 1500), Quantizer.trained(rows, 1500)
    assert one.kind == "IVF128,PQ16"
    assert one.centroids.tobytes() == other.centroids.tobytes()
    assert one.codebooks.tobytes() == other.codebooks.tobytes()


def test_clusters_that_lie_apart_are_found() -> None:
    rng = np.random.default_rng(3)
    middles = rng.uniform(0, 1000, (20, 4))
    points = (middles[:, None] + rng.normal(0, 1, (20, 50, 4))).reshape(-1, 4)
    centers = clustered(points.astype(np.float32), 40, lambda: False)
    apart = np.linalg.norm(points[:, None] - centers, axis=2).min(axis=1)
    assert apart.max() < 6  # every point is near a center: no cluster is left out


def test_clusters_that_get_nothing_are_given_a_part_of_others() -> None:
    spread = np.random.default_rng(3).uniform(1, 1000, (500, 4))
    points = np.concatenate([spread, np.ones((500, 4))]).astype(np.float32)
    centers = clustered(points, 200, lambda: False)  # half of them begin as equals
    apart = np.linalg.norm(points[:, None] - centers, axis=2)
    assert len(set(apart.argmin(axis=1).tolist())) > 150


@pytest.mark.parametrize("count", [1, 2, 63, 200])
def test_a_sample_smaller_than_a_codebook_serves(count: int) -> None:
    quantizer = Quantizer.trained(drawn_rows(1, count), 100)
    assert quantizer.centroids.shape == (64, 128)
    assert quantizer.codebooks.shape == (16, 256, 8)
    assert np.isfinite(quantizer.centroids).all()
    assert np.isfinite(quantizer.codebooks).all()


def test_a_sample_of_equal_rows_serves() -> None:
    rows = np.repeat(drawn_rows(1, 1), 500, axis=0)
    quantizer = Quantizer.trained(rows, 500)
    apart = np.abs(quantizer.centroids - rows[0, :128]).max(axis=1)
    assert apart.min() <= 1
    assert np.isfinite(quantizer.codebooks).all()


@pytest.mark.parametrize("looks", [0, 1, 5, 12, 60])
def test_training_stops_when_it_is_asked_to(looks: int) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > looks

    with pytest.raises(TrainingStoppedError):
        Quantizer.trained(drawn_rows(1, 300), 300, stop)
    assert asked == looks + 1
