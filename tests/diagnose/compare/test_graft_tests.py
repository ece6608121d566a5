"""Weights of one model in another, played: what counts as carrying a change, and what is compared with what."""

from __future__ import annotations

import math

import pytest
import torch

from tests import tiny
from tests.diagnose.compare.changed_models import changed
from tonescope.diagnose.compare.behaviour import Asking, HeardTakes
from tonescope.diagnose.compare.compare_models import CompareWish, compare_models
from tonescope.diagnose.compare.compare_schema import GraftRow
from tonescope.diagnose.compare.graft_tests import Fresh, estimated, played
from tonescope.diagnose.compare.graft_verdicts import shortest, told
from tonescope.diagnose.compare.paired_statistics import Measured
from tonescope.diagnose.compare.weight_parts import changed_parts
from tonescope.diagnose.context import Context
from tonescope.diagnose.jobs.job import Watch
from tonescope.models.families.musicgen.musicgen import MusicGen

PROMPTS = ["house", "jazz fusion"]


def row(
    *parts: str, same: int = 0, brings: tuple[float, float] | None = None, control: bool = False, takes: int = 8
) -> GraftRow:
    way = None
    if brings is not None:
        p = 0.001 if brings[1] > 0 else 0.5
        way = Measured(value=brings[0], low=brings[1], high=1.0, prompts=8, takes=takes, p=p)
    return GraftRow(parts=list(parts), control=control, same=same, takes=takes, brings=way, brings_tempo=None)


def judged(*rows: GraftRow, **changes: float) -> list[GraftRow]:
    """Rows with what they show; places differ alike, if nothing else is said."""
    return told(rows, {name: changes.get(name, 0.1) for each in rows for name in each.parts})


def two_changes() -> MusicGen:
    """A model of which one place differs much and a later one hardly."""
    second = changed("mlp", by=20.0)
    weight = second.model.decoder.model.decoder.layers[2].self_attn.out_proj.weight
    with torch.no_grad():
        weight.add_(0.001 * weight.std() * torch.randn_like(weight))
    return second


def test_what_carries_and_is_held_against_a_place_that_does_not_is_verified() -> None:
    control = row("z", control=True)
    for carrying in (row("a", same=8), row("a", brings=(0.9, 0.6))):
        found, beside = judged(carrying, control)
        assert found.carries and found.verified and not found.doubt and found.beside == ["z"]
        assert not beside.carries and not beside.verified
    for weak in (row("a", same=4), row("a", brings=(0.9, -0.1)), row("a", brings=(0.4, 0.2)), row("a")):
        assert not judged(weak, control)[0].carries


def test_case_one_take_that_became_another_verifies_nothing() -> None:
    found, _ = judged(row("a", same=1, takes=1), row("z", control=True, takes=1))
    assert found.carries and not found.verified and "6 that differ are the fewest" in found.doubt


def test_more_than_half_of_a_few_takes_may_be_chance() -> None:
    found, _ = judged(row("a", same=5, takes=8), row("z", control=True))
    assert found.carries and not found.verified and found.doubt == "it may be chance"


def test_case_the_only_place_that_differs_has_nothing_to_be_held_against() -> None:
    (found,) = judged(row("a", same=8))
    assert found.carries and not found.verified and "no other place differs" in found.doubt and found.beside == []


def test_a_place_does_not_carry_the_change_alone_where_another_does_as_much() -> None:
    for control in (row("z", same=7, control=True), row("z", brings=(0.8, -0.1), control=True)):
        found, _ = judged(row("a", same=8), control)
        assert found.carries and not found.verified and found.doubt == "z alone does as much"


def test_where_every_place_was_tried_the_one_whose_weights_changed_most_alike_is_the_comparison() -> None:
    rows = [row("a", same=8), row("b"), row("c", same=1), row("a", "b", "c", same=8)]
    found = judged(*rows, a=0.1, b=0.9, c=0.12)
    assert found[0].beside == ["c"] and found[0].verified and found[3].beside == [] and not found[3].verified


def test_what_brings_is_adjusted_for_all_places_that_were_tried() -> None:
    ways = [Measured(value=0.9, low=0.1, high=1.0, prompts=8, takes=8, p=p) for p in (0.04, 0.6, 0.7, 0.8)]
    rows = [
        row(name).model_copy(update={"brings": way if not at else way.model_copy(update={"value": 0.1})})
        for at, (name, way) in enumerate(zip("abcd", ways, strict=True))
    ]
    assert [each.verified for each in judged(rows[0], row("z", control=True))] == [True, False]
    found = judged(*rows, row("z", control=True))[0]
    assert found.carries and found.q == pytest.approx(0.16) and found.doubt == "it may be chance"


def test_fewest_places_that_carry_it_are_named_and_of_those_the_one_that_brings_most() -> None:
    rows = judged(row("a", same=6), row("b", same=7), row("c"), row("a", "b", same=8))
    assert [found.parts for found in shortest(rows)] == [["a", "b"]]  # held against c, it alone is sure
    rows = judged(row("a", same=6), row("b", same=7), row("a", "b", same=8))
    assert [found.parts for found in shortest(rows)] == [["b"]]
    assert [found.parts for found in shortest(rows[2:])] == [["a", "b"]] and shortest(judged(row("c"))) == []


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


def test_places_are_played_alone_together_and_beside_another_that_differs_about_as_much() -> None:
    second = two_changes()
    weight = second.model.decoder.model.decoder.layers[0].fc2.weight
    with torch.no_grad():
        weight.add_(3 * weight.std() * torch.randn_like(weight))
    wish = CompareWish(prompts=("house", "jazz fusion"), takes=1, seconds=0.5)
    found, evidence = compare_models(tiny.generator(), second, tiny.session(), wish, Watch())
    best, control = [each.part for each in found.parts[:2]], found.parts[-1].part  # three differ
    assert [each.parts for each in found.grafts] == [[best[0]], [best[1]], best, [control]]
    assert [each.control for each in found.grafts] == [False, False, False, True]
    assert not set(evidence.sounds["fresh A"].seeds) & set(evidence.sounds["A"].seeds)
    assert found.grafts[2].same == found.grafts[2].takes or found.grafts[2].same >= found.grafts[0].same
