"""Probes find the layer from which on the genre can be told, and tell prompts that they have not seen."""

from __future__ import annotations

import numpy as np

from tonescope.diagnose.audit.depth_probes import depth_probes


def planted(decided: int, layers: int = 4) -> tuple[dict[int, np.ndarray], np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    heard, prompt = np.repeat([0, 1, 2], 20), np.tile(np.arange(10), 6)
    means = {layer: random.normal(size=(60, 6)) + 4 * (layer >= decided) * np.eye(6)[heard] for layer in range(layers)}
    return means, heard, prompt


def test_the_first_layer_that_tells_the_genre_decides() -> None:
    for decided in (0, 2, 3):
        found = depth_probes(*planted(decided))
        assert found is not None and found.decided == decided
        assert [depth.layer for depth in found.layers] == [0, 1, 2, 3]


def test_where_no_layer_tells_it_none_decides() -> None:
    found = depth_probes(*planted(9))
    assert found is not None and found.decided is None


def test_what_only_names_the_prompt_does_not_help() -> None:
    heard, prompt = np.repeat(np.arange(3), 20), np.repeat(np.arange(12), 5)
    known_by_heart = {0: np.eye(12)[prompt] * 10}
    found = depth_probes(known_by_heart, heard, prompt)
    assert found is not None and found.layers[0].right.value < 0.6


def test_too_few_takes_are_not_probed() -> None:
    means, heard, prompt = planted(0)
    assert depth_probes(means, np.zeros(60, np.int64), prompt) is None
    assert depth_probes(means, heard, np.zeros(60, np.int64)) is None
    assert depth_probes(means, np.full(60, -1), prompt) is None
