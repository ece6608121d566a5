"""Groups are chosen in rounds and by ear: a unit that stands in for another shows only once that one is muted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution import greedy_group_search as group_search
from tonescope.diagnose.attribution.gradients import Attribution, attribute
from tonescope.diagnose.attribution.greedy_group_search import Search, greedy_group_search, grown
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations, measure
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.judging import audio_quality
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.judges import listening
from tonescope.models.units import Location, Unit

TAKES = 3
MLP, SELF = Location("decoder", 0, "mlp"), Location("decoder", 0, "self")
JUDGE = tiny.judge()
DRIVERS = {"n7": -2.0, "n8": -1.0}


def attribution(**drivers: float) -> Attribution:
    """Forty neurons and four heads; those named drive by so much."""
    units = {MLP: torch.zeros(TAKES, 40), SELF: torch.zeros(TAKES, 4)}
    for name, effect in drivers.items():
        units[MLP][:, int(name[1:])] = effect
    activity = {location: torch.rand(effects.shape[1]) for location, effects in units.items()}
    return Attribution(units, activity, torch.zeros(TAKES, 10), torch.zeros(TAKES, 8), torch.zeros(TAKES))


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def takes(generator: Generator) -> Takes:
    return generator.generate(["house piano"] * TAKES, range(TAKES), 0.5)


@pytest.fixture(scope="module")
def means(generator: Generator) -> MeanActivations:
    return measure(generator, 0.5, Sampling(), prompts=("jazz", "house"))


def neurons(group: tuple[Unit, ...]) -> list[int]:
    return [unit.index for unit in group if unit.location == MLP]


def chosen(
    generator: Generator, takes: Takes, means: MeanActivations, found: Attribution, share: float, **how: Any
) -> tuple[Unit, ...]:
    given = {name: how.pop(name) for name in ("advance", "until") if name in how}
    context = Context(generator, JUDGE, means, seconds=0.5)
    return greedy_group_search(context, takes, "house", found, Search(share, **how), **given)


def test_the_strongest_of_each_kind_are_added() -> None:
    assert grown((), attribution(**DRIVERS), 0.05) == (Unit(SELF, 0), Unit(MLP, 7), Unit(MLP, 8))


def test_a_draw_is_half_of_twice_as_many_of_the_strongest_others() -> None:
    found, kept = attribution(n7=-5.0, n8=-4.0, n9=-3.0, n10=-2.0, n11=-1.0), (Unit(MLP, 7),)
    draws = {tuple(neurons(grown(kept, found, 0.075, np.random.default_rng(seed)))) for seed in range(40)}
    assert draws == {(7, 8, 9), (7, 8, 10), (7, 8, 11), (7, 9, 10), (7, 9, 11), (7, 10, 11)}


def test_a_stand_in_is_found_where_the_first_is_muted(
    generator: Generator, takes: Takes, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    muted: list[Any] = []

    def edited_slopes(*_: Any, at: Edit, rollout_steps: int, **__: Any) -> Attribution:
        muted.append((at.targets, rollout_steps))
        return attribution(n7=-9.0, n30=-5.0, n8=-1.0)

    monkeypatch.setattr(group_search, "attribute", edited_slopes)
    monkeypatch.setattr(group_search, "_best", lambda *given: group_search._Candidate(given[3][0], takes, 0.0))
    samples: list[int] = []
    monkeypatch.setattr(group_search, "margin", lambda *_, smoothgrad_samples: samples.append(smoothgrad_samples))
    group = chosen(
        generator, takes, means, attribution(**DRIVERS), 0.05, rounds=2, smoothgrad_samples=4, rollout_steps=1
    )
    assert neurons(group) == [7, 30] and muted == [((Unit(SELF, 0), Unit(MLP, 7)), 1)] and samples == [4]


def test_an_offer_is_by_the_last_slopes_and_one_by_those_of_all_rounds() -> None:
    history, kept = [attribution(n7=-2.0, n8=-4.0), attribution(n8=-1.0, n30=-3.0)], (Unit(SELF, 0), Unit(MLP, 7))
    candidates = group_search._candidates(kept, history, 0.05, 0, np.random.default_rng(0))
    assert [neurons(candidate) for candidate in candidates] == [[7, 30], [7, 8], [7]]


def test_the_offer_that_takes_most_away_in_new_takes_is_kept(
    generator: Generator, takes: Takes, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is played holds the sum of the muted neurons' numbers, louder in some takes than in others, and the judge
    hears less for more."""

    def played(_: Any, prompts: Any, seeds: Any, edits: Any) -> Takes:
        sums = [sum(neurons(edit.targets)) if edit else 0 for edit in edits]
        sound = torch.tensor([[total * (seed % 2)] * 800 for total, seed in zip(sums, seeds, strict=True)]).float()
        return Takes(tuple(prompts), tuple(seeds), {"codes": torch.zeros(len(seeds), 4, 25)}, sound)

    monkeypatch.setattr(group_search, "play", played)
    monkeypatch.setattr(audio_quality, "broken", lambda edited, *_: torch.zeros(len(edited)))
    monkeypatch.setattr(listening, "listen", lambda judge, waveform, _: -waveform.mean(1))
    monkeypatch.setattr(listening, "contrast", lambda labels, logits, *_: logits)
    found = attribution(**{f"n{index}": -1.0 - index / 40 for index in range(1, 17)})
    candidates = group_search._candidates((), [found], 0.2, 8, np.random.default_rng(takes.seeds[0]))
    group = chosen(generator, takes, means, found, 0.2, rounds=1, draws=8)
    sums = [sum(neurons(candidate)) for candidate in candidates]
    assert sum(neurons(group)) == max(sums) > min(sums)


def test_offers_that_leave_no_sound_are_not_kept(
    generator: Generator, takes: Takes, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, fates = attribution(**DRIVERS), iter([True, False, True])
    monkeypatch.setattr(audio_quality, "broken", lambda *_: torch.tensor([next(fates)] * 2 + [False]))
    group = chosen(generator, takes, means, found, 0.05, rounds=1, draws=2)
    assert group == group_search._candidates((), [found], 0.05, 2, np.random.default_rng(takes.seeds[0]))[1]


def test_where_no_offer_leaves_sound_the_strongest_are_to_be_tested(
    generator: Generator, takes: Takes, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio_quality, "broken", lambda *_: torch.tensor([True, True, False]))
    group = chosen(generator, takes, means, attribution(**DRIVERS), 0.05, rounds=2)
    assert neurons(group) == [7, 8]


def test_rounds_choose_no_more_than_asked_and_none_twice_on_takes_that_are_not_tested(
    generator: Generator, takes: Takes, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, shares, played = (
        attribute(Context(generator, means=means), takes, margin(JUDGE, "house", None)),
        list[float](),
        list[int](),
    )

    def noted(*given: Any) -> Takes:
        played.extend(given[2])
        return play(*given)

    monkeypatch.setattr(group_search, "play", noted)
    group = chosen(generator, takes, means, found, 0.1, rounds=4, advance=shares.append)
    assert 0 < len(group) == len(set(group)) <= len(grown((), found, 0.1))
    assert shares == [0.25, 0.5, 0.75, 1]
    assert sorted(set(played)) == [*range(2 * TAKES, 6 * TAKES)]


def test_a_group_doubles_from_round_to_round_until_it_is_strong_enough(
    generator: Generator, takes: Takes, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, asked = attribution(**{f"n{index}": -1.0 - index / 40 for index in range(1, 17)}), list[int]()
    monkeypatch.setattr(group_search, "attribute", lambda *_, **__: found)
    monkeypatch.setattr(group_search, "_best", lambda *given: group_search._Candidate(given[3][0], takes, 0.0))

    def until(most: int) -> Callable[[tuple[Unit, ...]], bool]:
        def enough(group: tuple[Unit, ...]) -> bool:
            asked.append(len(neurons(group)))
            return asked[-1] >= most

        return enough

    assert len(neurons(chosen(generator, takes, means, found, 0.4, rounds=4, until=until(40)))) == 16
    assert asked == [2, 4, 8, 16]
    assert len(neurons(chosen(generator, takes, means, found, 0.4, rounds=4, until=until(4)))) == 4
    assert asked == [2, 4, 8, 16, 2, 4]
