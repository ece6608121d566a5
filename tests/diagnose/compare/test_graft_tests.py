"""Weights of one model in another, played: what counts as carrying a change, and what is compared with what."""

from __future__ import annotations

import math

import torch

from tests import tiny
from tests.diagnose.compare.changed_models import changed
from tonescope.diagnose.compare.behaviour import Asking, HeardTakes
from tonescope.diagnose.compare.compare_models import CompareWish, _shortest, compare_models
from tonescope.diagnose.compare.compare_schema import GraftRow
from tonescope.diagnose.compare.graft_tests import Fresh, carries, estimated, played
from tonescope.diagnose.compare.paired_statistics import Measured
from tonescope.diagnose.compare.weight_parts import changed_parts
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs.job import Watch
from tonescope.models.families.musicgen.musicgen import MusicGen

PROMPTS = ["house", "jazz fusion"]


def row(*parts: str, same: int = 0, brings: tuple[float, float] | None = None, control: bool = False) -> GraftRow:
    way = None if brings is None else Measured(value=brings[0], low=brings[1], high=1.0, prompts=4, takes=8)
    return GraftRow(parts=list(parts), control=control, same=same, takes=8, brings=way, brings_tempo=None)


def two_changes() -> MusicGen:
    """A model of which one place differs much and a later one hardly."""
    second = changed("mlp", by=20.0)
    weight = second.model.decoder.model.decoder.layers[2].self_attn.out_proj.weight
    with torch.no_grad():
        weight.add_(0.001 * weight.std() * torch.randn_like(weight))
    return second


def test_a_control_never_carries_and_neither_does_a_way_that_is_unsure() -> None:
    assert carries(row("a", same=8)) and carries(row("a", brings=(0.9, 0.6)))
    assert not carries(row("a", same=8, brings=(0.9, 0.6), control=True))
    assert not carries(row("a", same=4)) and not carries(row("a", brings=(0.9, -0.1)))
    assert not carries(row("a", brings=(0.4, 0.2))) and not carries(row("a"))


def test_fewest_places_that_carry_it_are_named_and_of_those_the_one_that_brings_most() -> None:
    rows = [row("a", same=6), row("b", same=7), row("c"), row("a", "b", same=8)]
    assert [found.parts for found in _shortest(rows)] == [["b"]]
    assert [found.parts for found in _shortest(rows[2:])] == [["a", "b"]] and _shortest(rows[2:3]) == []


def test_what_brings_most_comes_first_whatever_order_places_are_put_in() -> None:
    first, second = tiny.generator(), two_changes()
    takes = first.generate(PROMPTS, [1, 2], 0.5)
    parts = changed_parts(first, second)
    for order in (parts, parts[::-1]):
        rows = estimated(first, second, takes, order, lambda _: None)
        assert [each.part for each in rows] == ["decoder.1.mlp", "decoder.2.self"]


def test_takes_that_are_the_same_already_and_those_without_a_tempo_are_not_counted() -> None:
    first, second = tiny.generator(), changed("mlp", by=20.0)
    context = Context(first, tiny.judge(), None, seconds=0.5)
    one, other = first.generate(PROMPTS, [1, 2], 0.5), second.generate(PROMPTS, [1, 2], 0.5)
    for name in one.state:
        other.state[name][1] = one.state[name][1]
    heard = HeardTakes(torch.eye(4)[:2], ("house", "house"), (7.0, math.nan))
    fresh = Fresh([Asking(prompt) for prompt in PROMPTS], [1, 2], one, other, heard, heard)
    assert fresh.changed == [0]
    found, takes = played(context, second, [], fresh, control=True, advance=lambda _: None)
    assert (found.same, found.takes) == (0, 1) and torch.equal(takes.state["codes"], one.state["codes"])
    assert found.brings_tempo is None or not math.isnan(found.brings_tempo.value)


def test_places_are_played_alone_together_and_beside_the_one_that_brings_least() -> None:
    second = two_changes()
    weight = second.model.decoder.model.decoder.layers[0].fc2.weight
    with torch.no_grad():
        weight.add_(3 * weight.std() * torch.randn_like(weight))
    wish = CompareWish(prompts=("house", "jazz fusion"), takes=1, seconds=0.5)
    found, evidence = compare_models(tiny.generator(), second, tiny.session(), wish, Watch())
    best, control = [each.part for each in found.parts[:2]], found.parts[-1].part
    assert [each.parts for each in found.grafts] == [[best[0]], [best[1]], best, [control]]
    assert [each.control for each in found.grafts] == [False, False, False, True]
    assert not set(evidence.sounds["fresh A"].seeds) & set(evidence.sounds["A"].seeds)
    assert found.grafts[2].same == found.grafts[2].takes or found.grafts[2].same >= found.grafts[0].same
