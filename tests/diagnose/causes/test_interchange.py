"""What a set does in one prompt, put into takes of another: enough to bring the confusion, where it is the cause."""

from __future__ import annotations

import pytest
import torch

from tests.diagnose.causes.known_cause import BYSTANDER, CONTRAST, FIRST, PLAYS, PROMPT, READER, READS, known
from tonescope.diagnose.causes.interchange import put_in
from tonescope.diagnose.causes.muting_trials import Group
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.models.judges.listening import contrast, listen
from tonescope.models.units import Unit

OTHER = "smooth jazz with saxophone"


def margins(units: tuple[Unit, ...], group: Group | None, prompt: str = OTHER) -> torch.Tensor:
    """Of three takes of another prompt, with a group's activations put in."""
    context, takes = known(units).context, known(units).takes
    edits = put_in(context, takes, group, prompt, 3) if group else None
    heard = listen(context.listener, play(context, [prompt] * 3, (7, 8, 9), edits).waveform, context.rate)
    return contrast(context.listener.labels, heard, CONTRAST.target, CONTRAST.foil)


@pytest.mark.parametrize("cause", [FIRST, READER], ids=str)
def test_the_cause_brings_the_confusion_and_another_unit_does_not(cause: Unit) -> None:
    untouched, brought = margins((cause,), None), margins((cause,), (cause,))
    other = margins((cause,), (BYSTANDER,))
    assert (brought - untouched).min() > 3 * (other - untouched).abs().max()


def test_a_whole_location_can_be_put_in() -> None:
    assert (margins((FIRST,), (PLAYS,)) > margins((FIRST,), None)).all()


def test_each_take_gets_the_activations_of_one_take_in_turns() -> None:
    context, takes = known().context, known().takes
    edits = put_in(context, takes.pick([0, 1]), (FIRST,), OTHER, 5)
    recorded = activations(context, takes.pick([0, 1]), [PLAYS])
    assert len(edits) == 5 and {edit.kind for edit in edits} == {"patch"}
    for row, edit in enumerate(edits):
        assert edit.targets == (FIRST,) and edit.source is not None
        assert torch.equal(edit.source.values[PLAYS], recorded[row % 2].values[PLAYS])


@pytest.mark.parametrize("prompt", ["jazz", "a slow song with piano and drums and beats and music"])
def test_what_runs_along_the_tokens_is_averaged_and_fits_a_prompt_of_any_length(prompt: str) -> None:
    context, takes = known((READER,)).context, known((READER,)).takes
    (edit,) = put_in(context, takes.pick([0]), (READER,), prompt, 1)
    assert edit.source is not None
    values = edit.source.values[READS]
    assert values.shape[2] == context.generator.token_mask([prompt, PROMPT]).shape[1]
    assert torch.equal(values, values[:, :, :1].expand_as(values))
    (recorded,) = activations(context, takes.pick([0]), [READS])
    assert torch.allclose(values[:, :, 0], recorded.values[READS].mean(2))
    assert len(play(context, [prompt], [1], [edit])) == 1


def test_case_an_interchange_into_a_shorter_prompt_is_played_beside_the_longer_one() -> None:
    context, takes = known((READER,)).context, known((READER,)).takes
    edits = put_in(context, takes, (READER,), "jazz", 2)
    alone = play(context, ["jazz"] * 2, (1, 2), edits)
    beside = play(context, [PROMPT, "jazz", "jazz"], (1, 1, 2), [None, *edits])
    assert torch.equal(beside.state["codes"][1:], alone.state["codes"])


def test_its_own_activations_leave_a_prompt_as_it_is() -> None:
    context, takes = known().context, known().takes
    edits = put_in(context, takes, (FIRST,), PROMPT, len(takes))
    again = play(context, [PROMPT] * len(takes), takes.seeds, edits, strict=False)
    assert torch.equal(again.state["codes"], takes.state["codes"])
