"""What is fitted on some sources is measured on others; bias and probes do what they are for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tonescope.diagnose.calibrating.fitting import Examples, FitOptions, fit, grouped_folds, neutral_bias
from tonescope.diagnose.calibrating.neutral_audio import RATE, neutral_clips
from tonescope.diagnose.calibrating.probes import NEVER, fit_probe
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.calibration import Calibration

LABELS, WIDTH, SONGS, PARTS = 4, 8, 6, 5


def examples(bias: tuple[float, ...] = (0.0,) * LABELS, seed: int = 0) -> Examples:
    """Clips near a direction of their label, parts of songs that are nearer to one another; labels are preferred by a
    bias that neutral sound shows as well."""
    random = torch.Generator().manual_seed(seed)
    directions = torch.eye(LABELS, WIDTH)
    right = torch.arange(LABELS).repeat_interleave(SONGS * PARTS)
    songs = torch.randn(LABELS * SONGS, WIDTH, generator=random).repeat_interleave(PARTS, 0) * 0.3
    embeddings = directions[right] + songs + 0.1 * torch.randn(len(right), WIDTH, generator=random)
    given = torch.tensor(bias)
    return Examples(
        embeddings=embeddings,
        similarity=6 * embeddings @ directions.T + given,
        right=right,
        sources=tuple(f"song {at // PARTS}" for at in range(len(right))),
        neutral=0.1 * torch.randn(8, LABELS, generator=random) + given,
    )


def test_folds_share_no_source_and_hold_every_row_once() -> None:
    given = examples()
    folds = grouped_folds(given.sources)
    assert len(folds) == 5
    for fitted, held in folds:
        assert not {given.sources[row] for row in fitted} & {given.sources[row] for row in held}
    assert sorted(row for _, held in folds for row in held) == list(range(len(given.right)))
    assert grouped_folds(("one",) * 5) == []


def test_a_bias_that_neutral_sound_shows_is_subtracted_and_helps() -> None:
    biased = examples((4.0, 0.0, -4.0, 0.0))
    kept, found = fit(biased, FitOptions(bias="never")), fit(biased, FitOptions())
    assert found.bias_gain is not None and found.bias_gain > 0.1
    assert found.bias == pytest.approx((4.0, 0.0, -4.0, 0.0), abs=0.2)

    def accuracy(probabilities: torch.Tensor) -> float:
        return float((probabilities.argmax(1) == biased.right).float().mean())

    assert accuracy(found.probabilities) > 0.9 > accuracy(kept.probabilities)


def test_a_bias_that_does_not_help_is_left_out_unless_it_is_asked_for() -> None:
    given = examples()
    misleading = replace(given, neutral=given.neutral + torch.tensor([5.0, 0.0, -5.0, 0.0]))
    found = fit(misleading, FitOptions())
    assert found.bias == () and found.bias_gain is not None and found.bias_gain < 0
    assert fit(misleading, FitOptions(bias="always")).bias == pytest.approx((5.0, 0.0, -5.0, 0.0), abs=0.2)


def test_what_the_judge_was_made_with_is_kept_where_that_is_asked_for() -> None:
    given = replace(examples(), own=Calibration(temperature=3.0, bias=(1.0, 0.0, 0.0, 0.0)))
    found = fit(given, FitOptions(bias="never", temperature="keep"))
    assert (found.temperature, found.bias, found.bias_gain) == (3.0, (1.0, 0.0, 0.0, 0.0), None)
    expected = ((given.similarity - torch.tensor(found.bias)) / 3).softmax(1)
    assert torch.allclose(found.probabilities, expected)


def test_held_out_probabilities_come_of_other_sources() -> None:
    given = examples()
    found = fit(given, FitOptions(bias="never"))
    whole = (given.similarity / found.temperature).softmax(1)
    assert found.folds == 5 and not torch.equal(found.probabilities, whole)
    one = fit(replace(given, sources=("one",) * len(given.right)), FitOptions(bias="never"))
    assert one.folds == 0 and torch.allclose(one.probabilities, (given.similarity / one.temperature).softmax(1))


def test_a_probe_hears_what_names_of_labels_do_not() -> None:
    given = replace(examples(), similarity=torch.zeros(LABELS * SONGS * PARTS, LABELS))
    found = fit(given, FitOptions(probe=True))
    assert float((found.probabilities.argmax(1) == given.right).float().mean()) > 0.8
    assert found.probe is not None and found.bias == () and found.probe(given.embeddings).shape == (120, LABELS)


def test_case_a_probe_is_not_measured_on_songs_that_it_was_fitted_on() -> None:
    """Labels dealt to songs at random: whoever mixes parts of a song between folds finds them anyway."""
    random = np.random.default_rng(0)
    labels = torch.from_numpy(random.permutation(np.arange(24) % LABELS)).repeat_interleave(PARTS)
    given = examples()
    noise = replace(given, embeddings=given.embeddings - torch.eye(LABELS, WIDTH)[given.right], right=labels)
    grouped = fit(noise, FitOptions(probe=True))
    mixed = fit(replace(noise, sources=tuple(map(str, range(120)))), FitOptions(probe=True))

    def accuracy(probabilities: torch.Tensor) -> float:
        return float((probabilities.argmax(1) == labels).float().mean())

    assert accuracy(grouped.probabilities) < 0.4 < 0.5 < accuracy(mixed.probabilities)


def test_a_probe_that_cannot_be_tested_is_refused_in_a_sentence() -> None:
    given = examples()
    alone = tuple("one song" if label == 2 else f"{at}" for at, label in enumerate(given.right.tolist()))
    with pytest.raises(TonescopeError, match="1 of 4 labels has clips of one source alone"):
        fit(replace(given, sources=alone), FitOptions(probe=True))


def test_a_probe_never_hears_a_label_that_it_was_not_shown() -> None:
    given = examples()
    rows = given.right != 3
    for shown in (rows, rows & (given.right != 2)):  # of three labels, and of two
        probe = fit_probe(given.embeddings[shown], given.right[shown], LABELS)
        logits = probe(given.embeddings[shown])
        assert float((logits.argmax(1) == given.right[shown]).float().mean()) > 0.9
        assert float(logits[:, 3].max()) < NEVER / 2


def test_neutral_bias_is_beside_the_mean_of_all_labels() -> None:
    bias = neutral_bias(torch.tensor([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]]))
    assert bias.tolist() == pytest.approx([-1.0, 0.0, 1.0])


def test_neutral_sound_is_the_same_every_time_and_no_louder_than_full_scale() -> None:
    clips = neutral_clips(0.5)
    assert clips.shape == (10, RATE // 2) and torch.equal(clips, neutral_clips(0.5))
    assert float(clips.abs().max()) <= 1 and bool(torch.isfinite(clips).all())
    levels = 10 * clips.square().mean(1).log10()
    assert float(levels.min()) < -65 and float(levels.max()) > -25
