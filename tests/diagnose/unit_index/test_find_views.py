"""Where units are looked for, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.unit_index.made_corpus import folder_of_tones, parameters
from tonescope.diagnose.jobs.find_job import FindParameters
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.unit_index import find_views
from tonescope.diagnose.unit_index.find_views import FindResult, found_units, views
from tonescope.diagnose.unit_index.finder import FoundUnit
from tonescope.diagnose.unit_index.index_place import index_root
from tonescope.diagnose.unit_index.indexing import build_index


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """With two indexes: of one place, and the newer one of another, over other corpora."""
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path / "cache"))
    found = tiny.session()
    for at, place in enumerate(("decoder.1.mlp", "decoder.2.mlp")):
        corpus = folder_of_tones(tmp_path / f"corpus{at}", 4 + at)
        index = build_index(found, parameters(None, corpus=str(corpus), location=[place]))
        os.utime(index.folder / "index.json", (at, at))
    assert len(list(index_root().iterdir())) == 2
    return found


def asked(**about: object) -> FindParameters:
    return FindParameters.model_validate({"query": "most", **about})


def test_case_an_index_of_one_place_does_not_hide_the_others(session: Session) -> None:
    found = found_units(session, asked(most=100))
    assert (found.locations, found.indexes) == (2, 2) and "corpus0 and " in found.corpus
    assert {row.unit.partition(":")[0] for row in found.units} == {"decoder.1.mlp", "decoder.2.mlp"}
    told = views(FindResult.model_validate_json(found.model_dump_json()))[0].sentences
    assert "of 2 locations in" in told[0][0] and told[0][1] == "observed"
    one = found_units(session, asked(location=["decoder.1.mlp"]))
    assert (one.locations, one.indexes) == (1, 1) and "of 1 location in" in views(one)[0].sentences[0][0]


def test_how_many_are_sure_is_counted_and_the_first_of_those_is_told(session: Session) -> None:
    found = found_units(session, asked(most=1))
    rows = [
        FoundUnit(unit="decoder.1.mlp:1", by="stimuli", concept="kick", score=0.6, chosen_by=1.0, q=0.3),
        FoundUnit(unit="decoder.2.mlp:1", by="stimuli", concept="kick", score=0.93, chosen_by=0.9, q=0.001),
    ]
    assert [find_views._sure(row) for row in rows] == [False, True]
    told = views(found.model_copy(update={"query": "kick", "units": rows, "sure": 1}))[0].sentences[0][0]
    assert "1 of the 2 units shown, of 2 locations" in told and "the first of them in 93 % of pairs" in told
