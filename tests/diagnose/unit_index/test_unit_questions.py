"""Units from Python: one line each, by the names of the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

import tonescope
from tests import tiny
from tests.diagnose.microscope.tiny_microscope import microscope
from tests.diagnose.unit_index.planted_index import KICK, PLACE, planted_curves, planted_index
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.tuning.curve_statistics import Curves
from tonescope.diagnose.tuning.responses import Tuning
from tonescope.diagnose.tuning.stimuli import Family
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    curves = {one.family.name: one for one in planted_curves()}

    def kept(_: Tuning, places: Sequence[Location], families: Sequence[Family]) -> dict[Location, list[Curves]]:
        return {place: [curves[one.name] for one in families if one.name in curves] for place in places}

    monkeypatch.setattr(Microscope, "of", lambda *_: microscope(tmp_path / "artifacts"))
    monkeypatch.setattr(Tuning, "curves", kept)
    planted_index(tmp_path / "index").close()
    return tmp_path / "index"


def test_units_are_found_named_and_shown_in_a_line_each(index: Path) -> None:
    session = tiny.session()
    rows = tonescope.find_units(session, "kick", [PLACE], most=3, index=index)
    assert str(Unit(PLACE, KICK)) in {row.unit for row in rows} and len(rows) == 3
    named = tonescope.unit_names(session, PLACE, index=index)
    assert KICK in {one.unit for one in named} and all(one.holds for one in named)
    page = tonescope.unit_page(session, Unit(PLACE, KICK), index=index)
    assert page.name == "responds to kick" and page.corpus == "planted"
    assert tonescope.unit_page(session, "decoder.0.mlp:1").corpus == ""
    wired = tonescope.wiring_of_unit(session.generator, Unit.parse("decoder.0.mlp:1"))
    assert wired is not None and wired.writes


def test_ones_own_stimulus_is_a_clip_or_a_prompt(index: Path, tmp_path: Path) -> None:
    session = tiny.session()
    soundfile.write(tmp_path / "own.wav", 0.2 * np.sin(0.1 * np.arange(8000)), 8000)
    found = tonescope.own_stimulus(session, "decoder.1.mlp:3", clip=tmp_path / "own.wav")
    assert found.kind == "clip" and found.peak is not None
    with pytest.raises(TonescopeError, match="give one of the two"):
        tonescope.own_stimulus(session, "decoder.1.mlp:3")
    with pytest.raises(TonescopeError, match="nothing was asked for"):
        tonescope.find_units(session, " ", index=index)
