"""Somebody's own edit is played beside the same takes untouched, and random units edited alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import activations
from tonescope.diagnose.intervene.verification import Played
from tonescope.diagnose.jobs.experiment import Experiment, targets
from tonescope.diagnose.report import sentences
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling
from tonescope.models.played_with import Recommended
from tonescope.models.units import Location, Unit

PROMPT = "smooth jazz with piano"
SETTINGS = Settings(takes=3, seconds=0.5, seed=5)
FRESH = [8, 9, 10]
UNITS = ("decoder.1.mlp:5", "decoder.1.mlp:6", "decoder.2.self:1")


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def session(folders: tuple[Path, Path]) -> Session:
    generator, judge = folders
    return Session.open(str(generator), str(judge))


def played(session: Session, *names: str, source: str | None = None, **about: object) -> tuple[Experiment, Played]:
    edit = Edit(targets(session.generator, names), **about)  # type: ignore[arg-type]
    return session.experiment(PROMPT, edit, SETTINGS, source=source)


def test_the_edit_is_played_in_the_fresh_takes_of_a_diagnosis(session: Session) -> None:
    found, played_ = played(session, *UNITS, kind="set", value=30.0)
    edits = [Edit(targets(session.generator, UNITS), "set", 30.0)] * 3
    alone = play(Context(session.generator, sampling=Sampling(), seconds=0.5), [PROMPT] * 3, FRESH, edits)
    assert torch.equal(played_.outcomes["edited"].takes.state["codes"], alone.state["codes"])
    assert [take.seed for take in found.untouched] == FRESH == [take.seed for take in found.edited]
    diagnosis, _ = session.diagnose(PROMPT, SETTINGS)
    assert found.contrast == diagnosis.contrast
    assert [take.margin for take in found.untouched] == [take.margin for take in diagnosis.drivers.tested]


def test_random_units_are_edited_alike_and_are_others(session: Session) -> None:
    found, played_ = played(session, *UNITS, kind="set", value=30.0)
    assert found.control is not None and found.difference is not None
    assert found.control_units == len(UNITS) == len(found.edit.targets)
    assert found.trial.q == found.difference.p
    edited, control = (played_.outcomes[name].takes.state["codes"] for name in ("edited", "random_edited"))
    assert not torch.equal(edited, control) and not torch.equal(control, played_.clean.takes.state["codes"])


def test_a_whole_location_is_compared_with_another_of_its_site(session: Session) -> None:
    found, played_ = played(session, "decoder.1.mlp", kind="zero")
    assert found.control is not None and found.control_units == 1 and found.difference is not None
    edited, control = (played_.outcomes[name].takes.state["codes"] for name in ("edited", "random_edited"))
    assert not torch.equal(edited, control)
    assert "1 random place changed alike" in sentences.in_numbers(found)


def test_where_all_of_a_site_is_edited_nothing_is_left_to_compare_with_and_nothing_is_sure(session: Session) -> None:
    found, _ = played(session, "decoder.mlp", kind="zero")
    assert found.control is None and found.difference is None and found.control_units == 0 and found.trial.q is None
    assert any(caveat.startswith("No other places of this kind") for caveat in found.caveats)


def test_a_patch_puts_in_what_the_other_prompt_makes_on_the_same_noise(session: Session) -> None:
    _, played_ = played(session, "decoder.1.residual", kind="patch", source="house")
    given = session.generator.generate(["house"] * 3, FRESH, 0.5)
    place = Location.parse("decoder.1.residual")
    sources = activations(Context(session.generator), given, [place])
    edits = [Edit((place,), "patch", source=source) for source in sources]
    alone = play(Context(session.generator, sampling=Sampling(), seconds=0.5), [PROMPT] * 3, FRESH, edits)
    assert torch.equal(played_.outcomes["edited"].takes.state["codes"], alone.state["codes"])


def test_a_resample_takes_from_other_takes(session: Session) -> None:
    found, _ = played(session, "decoder.1.mlp:5", "decoder.2.self:1", kind="resample")
    assert found.edit.source is None and found.control is not None
    _, played_ = played(session, "decoder.1.residual", kind="resample")
    assert not torch.equal(played_.outcomes["edited"].takes.state["codes"], played_.clean.takes.state["codes"])


def test_sites_are_every_layer_of_them(generator: Generator) -> None:
    assert targets(generator, ["decoder.mlp"]) == tuple(generator.locations("decoder.mlp"))
    assert targets(generator, [" decoder.1.mlp:3 ", "decoder.0.self"]) == (
        Unit.parse("decoder.1.mlp:3"),
        Location.parse("decoder.0.self"),
    )


@pytest.mark.parametrize(
    ("names", "about", "source", "told"),
    [
        (["decoder.1.mlp:5", "decoder.1.mlp:5"], {}, None, "named twice"),
        (["decoder.1.mlp:5", "decoder.mlp"], {}, None, "named twice"),
        (["decoder.1.mlp:4000"], {}, None, "units 0 to"),
        (["somewhere"], {}, None, "is not a location"),
        (["decoder.1.mlp:5"], {"kind": "patch"}, None, "name that prompt with --source"),
        (["decoder.1.mlp:5"], {"kind": "zero"}, "house", "leave --source out"),
        (["decoder.1.mlp:5"], {"kind": "explode"}, None, "is no kind of an edit"),
        (["decoder.1.mlp:5"], {"kind": "zero", "seconds": (0.1, 9.0)}, None, "reaches beyond"),
        (["codec.0.encoder:1"], {"kind": "zero"}, None, "no part in playing"),
    ],
)
def test_what_cannot_be_played_is_refused(
    session: Session, names: list[str], about: dict[str, object], source: str | None, told: str
) -> None:
    with pytest.raises(TonescopeError, match=told):
        played(session, *names, source=source, **about)


def test_a_comparison_with_fewer_units_makes_nothing_sure(session: Session) -> None:
    heads = [
        f"{place}:{index}"
        for place in session.generator.locations("decoder.self")
        for index in range(session.generator.units(place))
    ]
    found, _ = played(session, *heads[:-1], kind="zero")
    assert found.control is not None and found.control_units < len(found.edit.targets)
    assert found.trial.q is None and found.trial.badge == "tested"
    assert any("proves nothing" in caveat for caveat in found.caveats)


@pytest.mark.parametrize("third", ["nobody", "random units"])
def test_a_comparison_with_sound_that_broke_makes_nothing_sure(
    session: Session, monkeypatch: pytest.MonkeyPatch, third: str
) -> None:
    """The sets are heard in turn: untouched, edited, random units edited."""
    asked: list[int] = []

    def broken(edited: torch.Tensor, *_: object) -> torch.Tensor:
        asked.append(len(asked))
        return torch.full((len(edited),), third == "random units" and asked[-1] == 2)

    monkeypatch.setattr("tonescope.diagnose.judging.audio_quality.broken", broken)
    found, _ = played(session, *UNITS, kind="set", value=30.0)
    assert asked == [0, 1, 2]
    assert found.control is not None and found.control.sound.broke == (third == "random units")
    assert (found.trial.q is None) == (third == "random units")


def test_what_has_to_be_known_of_a_diagnosis_is_said_of_an_edit() -> None:
    found, _ = played(tiny.session(), UNITS[0])
    assert any("mishears these genres was not measured" in caveat for caveat in found.caveats)


def test_settings_that_a_model_is_not_made_for_are_named() -> None:
    made = tiny.session()
    made.generator.recommended = Recommended(guidance=7.0)  # type: ignore[attr-defined]
    edit = Edit(targets(made.generator, UNITS[:1]))
    found, _ = made.experiment(PROMPT, edit, SETTINGS.model_copy(update={"guidance": 3.0}))
    assert any("guidance 3 instead of 7" in caveat for caveat in found.caveats)
    both, _ = made.contrast("house", "house, piano", SETTINGS.model_copy(update={"guidance": 3.0}))
    assert any("guidance 3 instead of 7" in caveat for caveat in both.caveats)
    assert [row.name for row in both.suspects] == ["guidance"] and both.recommended == {"guidance": 7.0}
