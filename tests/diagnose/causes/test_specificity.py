"""A cause of one confusion leaves other prompts as they are; what holds up everything does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.diagnose.causes.known_cause import BYSTANDER, CONTRAST, FIRST, READS, known
from tonescope.diagnose.causes import specificity
from tonescope.diagnose.causes.interchange import other_prompts
from tonescope.diagnose.causes.muting_trials import Group, MutingTrials
from tonescope.diagnose.causes.specificity import specific
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.models.generator import Takes
from tonescope.models.units import Unit

OTHERS = other_prompts(CONTRAST)


def trials(context: Context | None = None) -> MutingTrials:
    return MutingTrials(context or known().context, known().takes, CONTRAST)


def test_a_neuron_that_answers_to_one_prompt_leaves_the_others_alone() -> None:
    here = trials()
    assert specific(here, OTHERS, [(FIRST,), (BYSTANDER,)]) == [True, True]
    assert here.rows == 3 * len(OTHERS)
    assert specific(here, OTHERS, []) == []


def test_a_neuron_that_changes_most_other_prompts_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def turning(count: int) -> bool:
        def turned(*given: Any, **more: Any) -> Takes:
            takes, loud = play(*given, **more), known().takes.waveform[:1]
            rows = [row for row, edit in enumerate(given[3]) if edit and FIRST in edit.targets][:count]
            waveform = takes.waveform.clone()
            waveform[rows] = loud
            return replace(takes, waveform=waveform)

        monkeypatch.setattr(specificity, "play", turned)
        groups: list[Group] = [(FIRST,), (BYSTANDER,)]
        first, other = specific(trials(), OTHERS, groups)
        assert other
        return first

    assert [turning(count) for count in range(5)] == [True, True, True, False, False]


def test_case_a_neuron_that_is_silent_elsewhere_changes_nothing_and_is_not_refused() -> None:
    generator, dead = known().context.generator, Unit(READS, 3)
    dense = generator.model.text_encoder.encoder.block[READS.layer].layer[-1].DenseReluDense  # type: ignore[attr-defined]
    means, kept = known().context.means, dense.wi.weight[dead.index].clone()
    assert means is not None
    values = means.values | {READS: means.values[READS].clone()}
    values[READS][..., dead.index] = 0.0
    try:
        dense.wi.weight.data[dead.index] = 0.0
        context = replace(known().context, means=replace(means, values=values))
        assert specific(trials(context), OTHERS, [(dead,)]) == [True]
    finally:
        dense.wi.weight.data[dead.index] = kept


def test_takes_that_are_not_made_of_numbers_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ruined(*given: Any, **more: Any) -> Takes:
        takes = play(*given, **more)
        edited = torch.tensor([edit is not None for edit in given[3]])
        return replace(takes, waveform=takes.waveform.masked_fill(edited[:, None], float("nan")))

    monkeypatch.setattr(specificity, "play", ruined)
    assert len(specific(trials(), OTHERS, [(FIRST,)])) == 1
