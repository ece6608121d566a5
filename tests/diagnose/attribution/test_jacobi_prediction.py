"""Predicted takes become the edited generation, pass by pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from tests import tiny
from tonescope.diagnose.attribution.jacobi_prediction import jacobi_prediction, predicted_changes
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Variant, verify
from tonescope.diagnose.schema import Contrast
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges import listening
from tonescope.models.units import Location

PROMPT, SECONDS = "smooth jazz with piano", 0.5
EDITS = [None, Edit((Location("decoder", 0, "mlp"),), "set", 5.0), Edit((Location("decoder", 1, "self"),), "set", -3.0)]


@pytest.fixture(scope="module", params=["mono", "stereo", "melody"])
def generator(request: pytest.FixtureRequest) -> MusicGen:
    return tiny.generator(request.param)


def played(generator: MusicGen, edits: Sequence[Edit | None], sampling: Sampling) -> Takes:
    return play(Context(generator, sampling=sampling, seconds=SECONDS), [PROMPT] * 3, [1, 2, 3], edits)


@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(guidance=1.0, temperature=0.7, top_k=5), Sampling(temperature=0.0)]
)
def test_with_a_pass_for_every_position_it_is_the_edited_generation(generator: MusicGen, sampling: Sampling) -> None:
    clean, wanted = (played(generator, edits, sampling) for edits in ([None] * 3, EDITS))
    assert (clean.state["codes"] != wanted.state["codes"]).flatten(1).any(1).tolist() == [False, True, True]
    found = jacobi_prediction(
        Context(generator, sampling=sampling, batches=Batches(attributed=2)),
        clean,
        EDITS,
        passes=clean.state["codes"].shape[2] + max(generator.delay),
    )
    assert torch.equal(found.state["codes"], wanted.state["codes"])
    assert torch.allclose(found.waveform, wanted.waveform, atol=1e-5)


@pytest.mark.parametrize("where", [Location("text", 1, "mlp"), Location("codec", 2, "decoder")])
def test_edits_outside_the_decoder_count_too(where: Location) -> None:
    generator, edits = tiny.generator(), [None, Edit((where,), "set", 50.0), None]
    loud = Sampling(guidance=20.0)  # a random model hears its prompt only faintly
    clean, wanted = (played(generator, some, loud) for some in ([None] * 3, edits))
    context = Context(generator, sampling=loud, batches=Batches(attributed=2))
    found = jacobi_prediction(context, clean, edits, passes=40)
    assert not torch.allclose(wanted.waveform, clean.waveform, atol=1e-4)
    assert torch.equal(found.state["codes"], wanted.state["codes"]) and torch.allclose(
        found.waveform, wanted.waveform, atol=1e-5
    )


def test_changes_are_those_of_what_the_judge_hears() -> None:
    generator, judge, contrast = tiny.generator(), tiny.judge(), Contrast(target="house", foil="smooth jazz")
    edits = [Edit((Location("decoder", layer, "mlp"),), "set", 5.0) for layer in range(2)]
    sampling = Sampling(temperature=0.8, top_k=6)
    variants = [Variant(str(number), edit) for number, edit in enumerate(edits)]
    fresh = verify(
        Context(generator, judge=judge, means=MeanActivations({}, {}), sampling=sampling, seconds=SECONDS),
        contrast,
        PROMPT,
        [1, 2, 3],
        variants,
    )
    found = predicted_changes(
        Context(generator, judge=judge, sampling=sampling, batches=Batches(attributed=2)),
        fresh.clean.takes,
        variants,
        Contrast(target="house", foil="smooth jazz"),
        passes=40,
    )
    measured = torch.stack([fresh.outcomes[str(number)].margins for number in range(2)]) - fresh.clean.margins
    assert torch.allclose(found, measured, atol=1e-4) and bool((measured.abs() > 1e-3).any())


def test_another_prompt_is_foreseen_too(generator: MusicGen) -> None:
    loud = Sampling(guidance=20.0)  # a random model hears its prompt only faintly
    clean, other = played(generator, [None] * 3, loud), ("house",) * 3
    wanted = play(Context(generator, sampling=loud, seconds=SECONDS), list(other), [1, 2, 3], [None] * 3)
    assert (clean.state["codes"] != wanted.state["codes"]).any()
    found = jacobi_prediction(
        Context(generator, sampling=loud, batches=Batches(attributed=2)),
        replace(clean, prompts=other),
        [None] * 3,
        passes=40,
    )
    assert torch.equal(found.state["codes"], wanted.state["codes"]) and torch.allclose(
        found.waveform, wanted.waveform, atol=1e-5
    )
    judge = tiny.judge()
    told: list[float] = []
    variants = [Variant("same"), Variant("other", prompt="house")]
    changes = predicted_changes(
        Context(generator, judge=judge, sampling=loud),
        clean,
        variants,
        Contrast(target="house", foil=None),
        passes=40,
        advance=told.append,
    )
    heard = [
        listening.contrast(judge.labels, listening.listen(judge, takes.waveform, generator.sample_rate), "house")
        for takes in (clean, wanted)
    ]
    assert torch.allclose(changes, torch.stack([torch.zeros(3), heard[1] - heard[0]]), atol=1e-4) and told == [0.5, 1.0]


def test_logits_that_are_no_numbers_are_refused() -> None:
    generator = tiny.generator()
    clean = played(generator, [None] * 3, Sampling())
    with torch.no_grad():
        generator.model.decoder.lm_heads[0].weight[0] = torch.nan
    with pytest.raises(TonescopeError, match="not a number in a replay"):
        jacobi_prediction(Context(generator), clean, [None] * 3)


def test_what_is_left_alone_stays_as_it_was(generator: MusicGen) -> None:
    clean = played(generator, [None] * 3, Sampling())
    late = Edit((Location("decoder", 0, "mlp"),), "set", 2.0, seconds=(0.25, 0.5))
    once = jacobi_prediction(Context(generator), clean, [None, late, late], passes=1)
    same = (once.state["codes"] == clean.state["codes"]).all(1)
    first = int(0.25 * generator.frame_rate)
    assert same[0].all() and same[1:, : first - max(generator.delay)].all() and not same[1:, first:].all()


def test_every_pass_comes_closer() -> None:
    generator = tiny.generator()
    edits = [Edit((Location("decoder", 0, "mlp"),), "set", 5.0)] * 3
    clean, wanted = (played(generator, some, Sampling()) for some in ([None] * 3, edits))
    apart = [
        float(
            (jacobi_prediction(Context(generator), clean, edits, passes=passes).state["codes"] != wanted.state["codes"])
            .float()
            .mean()
        )
        for passes in (1, 3, 9)
    ]
    assert apart[0] > apart[1] > apart[2]
