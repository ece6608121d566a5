"""Tracks: what is drawn over a take is what was heard, attended to and active in it, at the second it was."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests import tiny
from tests.diagnose.report import shown
from tonescope.diagnose.attribution.time_occlusion import Timeline
from tonescope.diagnose.attribution.tracks import MOST_POINTS, MOST_UNITS, pooled, with_tracks
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.intervene.verification import Played, Variant, verify
from tonescope.diagnose.prompts.phrases import phrases_in
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Sampling
from tonescope.models.units import Unit

PROMPT, SECONDS = "smooth jazz with accordion", 1.0


def made(family: str = "mono") -> tuple[Context, Played]:
    """Three takes, untouched and with a unit set to something large."""
    generator = tiny.generator(family)
    means = mean_activations.measure(generator, 0.5, Sampling(), prompts=("jazz", "house"))
    context = Context(generator, tiny.judge(), means, Sampling(), SECONDS)
    variant = Variant("edited", Edit((Unit(generator.location("decoder.1.mlp"), 5),), "set", 30.0))
    contrast = Contrast(target="house", foil="smooth jazz")
    return context, verify(context, contrast, PROMPT, [1, 2, 3], [variant], strict=False)


@pytest.fixture(scope="module")
def played() -> tuple[Context, Played]:
    return made()


def tracked(given: tuple[Context, Played], **asked: Any) -> Any:
    return with_tracks(*given, **asked).tracks


def test_what_is_heard_is_the_timeline_of_each_set_that_is_shown(played: tuple[Context, Played]) -> None:
    context, found = played
    tracks = tracked(played, shown=["edited", "never played"])
    assert set(tracks.heard) == {"untouched", "edited"} and tracks.seconds == pytest.approx(SECONDS)
    again = Timeline.listen(context.listener, found.outcomes["edited"].takes, context.rate, SECONDS)
    assert torch.equal(tracks.heard["edited"].posterior, again.posterior)


def test_attention_to_phrases_is_that_of_their_tokens_and_sums_to_one(played: tuple[Context, Played]) -> None:
    context, found = played
    phrases = phrases_in(PROMPT, context.generator.read_text([PROMPT]))
    shares = tracked(played, phrases=phrases).attention
    assert list(shares) == [phrase.name for phrase in phrases]
    assert torch.stack(list(shares.values())).sum(0).allclose(torch.ones(1), atol=1e-5)
    looks = context.generator.text_attention(found.clean.takes, context.sampling).mean(1)
    of = [looks[..., list(phrase.tokens)].sum(-1) for phrase in phrases]
    assert torch.allclose(shares[phrases[0].name], pooled(of[0] / sum(of)), atol=1e-5)


def test_what_a_unit_does_is_its_distance_from_its_mean_scaled_to_the_farthest(played: tuple[Context, Played]) -> None:
    context, found = played
    unit = Unit(context.generator.location("decoder.1.mlp"), 7)
    (row,) = tracked(played, targets=(unit,)).activity.values()
    frames = context.generator.frames_of(found.clean.takes)
    assert row.shape == (3, frames) and float(row.abs().max()) == pytest.approx(1)
    sources = activations(context, found.clean.takes, [unit.location])
    assert context.means is not None
    mean = context.means.values[unit.location][0, 0, 7]
    raw = torch.stack([source.values[unit.location][0, 0, :, 7] for source in sources]) - mean
    inside = raw[:, :frames]  # position by position, as the layout has it; what plays out the delay is left out
    assert torch.allclose(row, inside / inside.abs().max(), atol=1e-4)


def test_heads_and_whole_locations_are_a_distance_and_many_units_are_one_row(played: tuple[Context, Played]) -> None:
    place = played[0].generator.location("decoder.1.mlp")
    head, whole = Unit(played[0].generator.location("decoder.1.cross"), 1), place
    rows = tracked(played, targets=(head, whole)).activity
    assert list(rows) == [str(head), str(whole)] and all(float(row.min()) >= 0 for row in rows.values())
    many = tracked(played, targets=tuple(Unit(place, index) for index in range(MOST_UNITS + 1))).activity
    assert list(many) == [f"all {MOST_UNITS + 1} together"]


def test_the_text_encoder_has_no_time_and_a_melody_model_no_attention(played: tuple[Context, Played]) -> None:
    text = Unit(played[0].generator.location("text.0.mlp"), 1)
    assert tracked(played, targets=(text,)).activity == {}
    melody = made("stereo-melody")
    phrases = phrases_in(PROMPT, melody[0].generator.read_text([PROMPT]))
    place = melody[0].generator.location("decoder.1.mlp")
    tracks = tracked(melody, phrases=phrases, targets=(place,))
    assert tracks.attention == {} and list(tracks.activity) == [str(place)]


def test_long_takes_have_no_more_points_than_can_be_drawn() -> None:
    values = torch.linspace(0, 1, 1500).expand(2, 3, -1)
    short = pooled(values)
    assert short.shape == (2, 3, MOST_POINTS) and torch.allclose(short.mean(-1), values.mean(-1), atol=1e-3)
    assert torch.equal(pooled(values[..., :50]), values[..., :50])


def test_a_diagnosis_and_an_experiment_come_with_tracks() -> None:
    found, evidence = shown.diagnosed()
    tracks = evidence.played.tracks
    assert tracks is not None and found.drivers.group is not None
    assert {"untouched", "muted", "random_muted"} <= set(tracks.heard)
    edited = shown.edited()[1].tracks
    assert edited is not None and set(edited.heard) == {"untouched", "edited", "random_edited"}
    assert list(edited.activity) == ["decoder.1.mlp:5"]
