"""A cause of one confusion leaves other prompts as they are; what holds up everything does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.diagnose.causes.known_cause import BYSTANDER, CONTRAST, FIRST, READS, known
from tonescope.diagnose.causes import specificity
from tonescope.diagnose.causes.specificity import OTHER_PROMPTS, Elsewhere, other_prompts
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes
from tonescope.models.units import Unit


@pytest.mark.parametrize(("target", "foil"), [("techno", "house"), ("smooth jazz", None), ("lo-fi hip hop", "blues")])
def test_other_prompts_name_neither_side(target: str, foil: str | None) -> None:
    prompts = other_prompts(Contrast(target=target, foil=foil))
    assert len(set(prompts)) == OTHER_PROMPTS and set(prompts) <= set(PROMPTS)
    assert not any(label in prompt for prompt in prompts for label in (target, foil) if label)


def test_a_neuron_that_answers_to_one_prompt_leaves_the_others_alone() -> None:
    elsewhere = Elsewhere(known().context, CONTRAST)
    assert elsewhere.changed([(FIRST,), (BYSTANDER,)]) == [0, 0]


def test_a_neuron_that_answers_to_every_prompt_changes_them_all() -> None:
    elsewhere = Elsewhere(known(everywhere=True).context, CONTRAST)
    assert elsewhere.changed([(FIRST,), (BYSTANDER,)]) == [OTHER_PROMPTS, 0]


def test_untouched_takes_are_played_once_and_every_take_is_counted() -> None:
    elsewhere = Elsewhere(known().context, CONTRAST)
    assert elsewhere.rows == 0
    elsewhere.changed([(FIRST,)])
    assert elsewhere.rows == 2 * OTHER_PROMPTS
    elsewhere.changed([(FIRST,), (BYSTANDER,)])
    assert elsewhere.rows == 4 * OTHER_PROMPTS


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
        assert Elsewhere(context, CONTRAST).changed([(dead,)]) == [0]
    finally:
        dense.wi.weight.data[dead.index] = kept


def test_takes_that_are_not_made_of_numbers_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ruined(*given: Any, **more: Any) -> Takes:
        takes = play(*given, **more)
        edited = len(given) > 3
        return replace(takes, waveform=takes.waveform * float("nan")) if edited else takes

    monkeypatch.setattr(specificity, "play", ruined)
    (changed,) = Elsewhere(known().context, CONTRAST).changed([(FIRST,)])
    assert 0 <= changed <= OTHER_PROMPTS
