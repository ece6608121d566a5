"""What units do in one prompt, put into takes of another: enough to bring the confusion, where they are its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
import torch

from tests.diagnose.causes.boolean_trials import (
    BooleanInterchanges,
    Holds,
    all_of,
    any_of,
    never,
    nothing,
    some_of,
    unit,
    units,
)
from tests.diagnose.causes.known_cause import BYSTANDER, CONTRAST, FIRST, PLAYS, PROMPT, READER, READS, known
from tonescope.diagnose.causes import interchange
from tonescope.diagnose.causes.interchange import Brought, Interchanges, each_brings, fewest, other_prompts, sources
from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations, source_bytes
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

OTHER = "smooth jazz with saxophone"


def interchanges(cause: Unit = READER, prompts: Sequence[str] = (OTHER,)) -> Interchanges:
    there = known((cause,))
    return Interchanges(MutingTrials(there.context, there.takes, CONTRAST), prompts)


# --- other prompts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "foil"), [("techno", "house"), ("smooth jazz", None), ("lo-fi hip hop", "blues")])
def test_other_prompts_name_neither_side(target: str, foil: str | None) -> None:
    prompts = other_prompts(Contrast(target=target, foil=foil))
    assert len(set(prompts)) == 4 and set(prompts) <= set(PROMPTS)
    assert not any(label in prompt for prompt in prompts for label in (target, foil) if label)


def test_activations_are_put_into_the_first_prompt_that_is_not_heard_as_the_target() -> None:
    assert interchanges(prompts=(PROMPT, OTHER, "music")).prompt == OTHER


@pytest.mark.parametrize("prompts", [(PROMPT,), ()], ids=["all heard as the target", "none"])
def test_where_there_is_no_such_prompt_nothing_is_put_in(prompts: tuple[str, ...]) -> None:
    here = interchanges(prompts=prompts)
    (brought,) = here.measure([(READER,)])
    assert here.prompt is None and not brought.heard and not brought.brings
    assert fewest(here, (READER, BYSTANDER)) == ()


# --- putting in -------------------------------------------------------------------------------------------------------


def test_the_cause_brings_the_target_and_another_unit_does_not() -> None:
    cause, other = interchanges().measure([(READER,), (BYSTANDER,)])
    assert cause.brings and not other.brings and cause.margin > 3 + other.margin


def test_a_cause_that_is_late_moves_the_margin_towards_the_target() -> None:
    cause, place, other = interchanges(FIRST).measure([(FIRST,), (PLAYS,), (BYSTANDER,)])
    assert min(cause.margins[seed] - other.margins[seed] for seed in cause.margins) > 0
    assert place.margin > other.margin


def test_measuring_in_pieces_gives_what_measuring_at_once_does() -> None:
    pieces, at_once = interchanges(), interchanges()
    groups = [(READER,), (BYSTANDER,), (READER, BYSTANDER)]
    pieces.measure(groups[:1], pieces.seeds[:1])
    pieces.measure(groups[1:], pieces.seeds[1:])
    for piece, whole in zip(pieces.measure(groups), at_once.measure(groups), strict=True):
        assert piece.heard == whole.heard and piece.margins == pytest.approx(whole.margins, abs=1e-3)
    assert pieces.trials.rows == at_once.trials.rows


def test_what_was_put_in_once_is_kept() -> None:
    here = interchanges()
    (first,) = here.measure([(READER, BYSTANDER)])
    rows = here.trials.rows
    (again,) = here.measure([(BYSTANDER, READER)])
    assert again is first and here.trials.rows == rows and here.measure([]) == []


@pytest.mark.parametrize("factor", [float("nan"), 0.0, 100.0], ids=["no number", "silent", "clipped"])
def test_a_sound_that_is_ruined_brings_nothing(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes that are the target's, but for that."""
    here, target = interchanges(), known((READER,)).takes.waveform

    def ruined(*given: Any, **more: Any) -> Takes:
        takes = play(*given, **more)
        return replace(takes, waveform=factor * target) if len(given) > 3 else takes

    monkeypatch.setattr(interchange, "play", ruined)
    assert here.prompt == OTHER
    (brought,) = here.measure([(READER,)])
    assert not any(brought.heard.values()) and len(brought.heard) == len(here.seeds) and not brought.brings


def test_nothing_is_brought_where_nothing_was_played() -> None:
    assert not Brought((READER,)).brings
    assert Brought((READER,), {}, {1: True, 2: True, 3: True, 4: False}).brings
    assert not Brought((READER,), {}, {1: True, 2: False}).brings


# --- what is put in ---------------------------------------------------------------------------------------------------


def test_what_runs_along_the_take_is_put_in_as_it_was() -> None:
    context, takes = known().context, known().takes.pick([0, 1])
    recorded = activations(context, takes, [PLAYS])
    for source, own in zip(sources(context, takes, [PLAYS], OTHER), recorded, strict=True):
        assert torch.equal(source.values[PLAYS], own.values[PLAYS])


@pytest.mark.parametrize("prompt", ["jazz", "a slow song with piano and drums and beats and music"])
def test_what_runs_along_the_tokens_is_one_and_fits_a_prompt_of_any_length(prompt: str) -> None:
    context, takes = known((READER,)).context, known((READER,)).takes.pick([0])
    (source,) = sources(context, takes, [READS], prompt)
    values, (recorded,) = source.values[READS], activations(context, takes, [READS])
    assert values.shape[2] == context.generator.token_mask([prompt, PROMPT]).shape[1]
    assert torch.equal(values, values[:, :, :1].expand_as(values))
    apart = recorded.values[READS] - recorded.values[READS].mean(2, keepdim=True)
    chosen = values[:, :, 0] - recorded.values[READS].mean(2)
    assert torch.allclose(chosen.abs(), apart.abs().amax(2))  # where it is furthest from its mean
    assert len(play(context, [prompt], [1], [Edit((READER,), "patch", source=source)])) == 1


def test_case_an_interchange_into_a_shorter_prompt_is_played_beside_the_longer_one() -> None:
    context, takes = known((READER,)).context, known((READER,)).takes.pick([0, 1])
    edits = [Edit((READER,), "patch", source=source) for source in sources(context, takes, [READS], "jazz")]
    alone = play(context, ["jazz"] * 2, (1, 2), edits)
    beside = play(context, [PROMPT, "jazz", "jazz"], (1, 1, 2), [None, *edits])
    assert torch.equal(beside.state["codes"][1:], alone.state["codes"])


def test_its_own_activations_leave_a_prompt_as_it_is() -> None:
    context, takes = known().context, known().takes
    edits = [Edit((FIRST,), "patch", source=source) for source in sources(context, takes, [PLAYS], PROMPT)]
    again = play(context, [PROMPT] * len(takes), takes.seeds, edits, strict=False)
    assert torch.equal(again.state["codes"], takes.state["codes"])


# --- the fewest that bring it -----------------------------------------------------------------------------------------


def smallest(brings: Holds, count: int = 8) -> set[object]:
    given = cast(Interchanges, BooleanInterchanges(brings, nothing))
    return set(fewest(given, cast(Sequence[Unit], units(count))))


def test_the_fewest_that_bring_the_target_are_found() -> None:
    assert smallest(all_of(3)) == {unit(3)}
    assert smallest(all_of(1, 6)) == {unit(1), unit(6)}
    assert smallest(any_of(5, 2)) == {unit(2)}  # the first of them
    assert len(smallest(some_of(2, 1, 3, 6))) == 2
    assert smallest(never) == set() and smallest(all_of(0), 0) == set()


def test_units_that_each_bring_the_target_are_found() -> None:
    def found(brings: Holds, at_most: int = 6) -> set[Unit]:
        put_in = cast(Interchanges, BooleanInterchanges(brings))
        group = each_brings(put_in, cast(Sequence[Unit], units(10)), (1, 2), at_most=at_most)
        return {target for target in group if isinstance(target, Unit)}

    assert found(any_of(3)) == {unit(3)} and found(any_of(3, 7)) == {unit(3), unit(7)}
    assert not found(all_of(3, 7)) and not found(never) and len(found(any_of(*range(10)), 2)) == 2


# --- what fits into memory --------------------------------------------------------------------------------------------


def _bounded(takes_at_once: float) -> tuple[Interchanges, Interchanges]:
    """Interchanges that keep the activations of all takes, and of so many takes of a whole place."""
    whole, there = interchanges(FIRST), known((FIRST,))
    each = source_bytes(there.context.generator, (PLAYS,), there.context.guidance, there.context.generator.frames(1.0))
    context = there.context.with_batches(source_bytes=int(takes_at_once * each) + 1)
    return whole, Interchanges(MutingTrials(context, there.takes, CONTRAST), (OTHER,))


@pytest.mark.parametrize("takes_at_once", [1, 2.5])
def test_what_is_too_large_at_once_is_put_in_piece_by_piece(takes_at_once: float) -> None:
    whole, pieces = _bounded(takes_at_once)
    groups: list[Group] = [(PLAYS,), (FIRST,), (FIRST, PLAYS)]
    for one, other in zip(whole.measure(groups), pieces.measure(groups), strict=True):
        assert one.heard == other.heard and not other.too_large
        assert one.margins == {seed: pytest.approx(margin, abs=1e-4) for seed, margin in other.margins.items()}


def test_case_a_whole_place_of_one_take_that_is_too_large_is_not_put_in() -> None:
    _, pieces = _bounded(0.5)
    place, unit_alone = pieces.measure([(PLAYS,), (FIRST,)])
    assert place.too_large and not place.heard and not place.brings
    assert len(unit_alone.heard) == len(pieces.seeds) and not unit_alone.too_large
