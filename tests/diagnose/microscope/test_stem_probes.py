"""Probes of stems: what they tell of planted states, and on a model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.diagnose.microscope.tiny_microscope import microscope
from tests.models.families.toy_diffusion import ToyDiffusion, ToyModel
from tonescope.diagnose.microscope import stem_probes as module
from tonescope.diagnose.microscope.layer_views import _stems
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.stem_probes import STEMS, StemProbes, _depth, _table, _Tested, stem_probes, told
from tonescope.diagnose.unit_index.composed_corpus import ComposedCorpus
from tonescope.models.errors import TonescopeError

PIECES, WINDOWS = 40, 8


def planted(strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States that hold a stem so strongly, the stem, and the piece of each window; a piece has a state of its own."""
    random = np.random.default_rng(seed)
    piece = np.repeat(np.arange(PIECES), WINDOWS)
    there = np.random.default_rng(1).random(len(piece)) < 0.7
    own = random.normal(size=(PIECES, 12))[piece]
    values = own + 0.3 * random.normal(size=own.shape)
    values[:, 0] += strength * there
    return values, there, piece


def probe_of(strength: float) -> _Tested:
    return _Tested.of(*planted(strength))


def test_the_first_layer_that_holds_a_stem_is_told_and_the_sound_alone_beside_it() -> None:
    drawn = np.random.default_rng(0).integers(PIECES, size=(200, PIECES))
    found = _depth("drums", [probe_of(0.0), probe_of(12.0), probe_of(12.5)], probe_of(1.5), drawn)
    assert found.depth == 1 and found.layers[1].value > 0.95 > 0.65 > found.layers[0].value
    assert found.beyond is not None and found.beyond.low > 0 and found.layers[1].low <= found.layers[1].value
    assert told(found).startswith("Drums can be read from layer 1 on: in ") and "about as well" not in told(found)
    alike = _depth("drums", [probe_of(12.0)], probe_of(12.0), drawn)
    assert "about as well" in told(alike)


def test_a_stem_that_is_nowhere_is_not_read() -> None:
    drawn = np.random.default_rng(0).integers(PIECES, size=(200, PIECES))
    found = _depth("lead", [probe_of(0.0)] * 2, probe_of(0.0), drawn)
    assert abs(found.layers[0].value - 0.5) < 0.12, "chance, though most windows have it"
    if found.depth is None:
        assert "cannot surely be read" in told(found)


def test_what_a_piece_is_alone_does_not_help_in_others() -> None:
    values, _, piece = planted(0.0)
    of_piece = np.random.default_rng(3).random(PIECES) < 0.5
    assert abs(_Tested.of(values, of_piece[piece], piece).drawn(np.zeros((1, PIECES), int))[0] - 0.5) < 0.2


def test_the_table_is_of_the_corpus_that_comes_with_tonescope() -> None:
    table = _table()
    names = [entry.name.rpartition(".")[0] for entry in ComposedCorpus().entries()]
    assert names == list(table.pieces) and {tuple(sorted(stems)) for stems in table.pieces.values()} == {
        tuple(sorted(STEMS))
    }
    assert {len(digits) for stems in table.pieces.values() for digits in stems.values()} == {WINDOWS}
    for stem in STEMS:
        share = np.mean([digit == "1" for stems in table.pieces.values() for digit in stems[stem]])
        assert 0.5 < share < 0.95


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = module._table()
    some = {name: stems for name, stems in list(whole.pieces.items())[:12]}
    table = module._Table(whole.window, some, "few")
    monkeypatch.setattr(module, "_table", lambda: table)


def test_probes_of_a_model_are_fitted_once_and_shown(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope: Microscope = microscope(tmp_path)
    made = stem_probes(scope)
    found = StemProbes.model_validate(json.loads(json.dumps(made.artifact.result)))
    layers = len(
        [place for place in scope.generator.locations() if str(place).endswith("residual") and "decoder" in str(place)]
    )
    assert [one.stem for one in found.stems] == list(STEMS) and found.pieces == 12
    assert {len(one.layers) for one in found.stems} == {layers}
    assert all(one.low <= one.value <= one.high for stem in found.stems for one in (*stem.layers, stem.sound))
    view = _stems(found)
    assert len(view.sentences) == len(STEMS) + 1 and len(view.tables[0].rows) == len(STEMS)
    monkeypatch.setattr(module, "_fitted", lambda *_: pytest.fail("fitted again"))
    assert stem_probes(scope).was_there


def test_a_generator_that_cannot_be_given_sound_is_refused(few: None, tmp_path: Path) -> None:
    with pytest.raises(TonescopeError):
        stem_probes(microscope(tmp_path, ToyDiffusion(ToyModel())))
