"""What the set does, and what random units do in its place, come from the same takes and go into another prompt."""

from __future__ import annotations

import pytest

from tests.diagnose.causes.known_cause import BYSTANDER, FIRST, PLAYS, known
from tonescope.diagnose.causes.muting_trials import Group
from tonescope.diagnose.intervene.recording import source_bytes
from tonescope.diagnose.jobs.interchange_to_verify import interchange_to_verify

OTHER, COUNT = "smooth jazz with saxophone", 3
DRAWS: list[Group] = [(BYSTANDER,)] * COUNT


def test_the_set_and_a_random_one_are_put_in_take_by_take() -> None:
    there = known((FIRST,))
    found = interchange_to_verify(there.context, there.takes, (FIRST,), OTHER, COUNT, DRAWS)
    assert found is not None and found.prompt == OTHER
    assert [edit.targets for edit in found.edits] == [(FIRST,)] * COUNT
    assert [edit.targets for edit in found.controls] == DRAWS
    assert [edit.source for edit in found.controls] == [edit.source for edit in found.edits]


def test_without_draws_there_is_no_control() -> None:
    there = known((FIRST,))
    found = interchange_to_verify(there.context, there.takes, (FIRST,), OTHER, COUNT)
    assert found is not None and len(found.edits) == COUNT and not found.controls


@pytest.mark.parametrize(("place", "fits"), [((FIRST,), True), ((PLAYS,), False)])
def test_case_what_is_too_large_to_keep_is_left_out_and_the_control_first(place: Group, fits: bool) -> None:
    there = known((FIRST,))
    each = source_bytes(there.context.generator, (PLAYS,), there.context.guidance, there.context.generator.frames(1.0))
    context = there.context.with_batches(source_bytes=each // 2)
    found = interchange_to_verify(context, there.takes, place, OTHER, COUNT, [(PLAYS,)] * COUNT)
    assert (found is not None) is fits and (found is None or not found.controls)
