from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests import tiny
from tests.diagnose.microscope.tiny_microscope import microscope
from tests.diagnose.unit_index.made_corpus import folder_of_tones, parameters
from tests.diagnose.unit_index.planted_index import DEAD, KICK, PLACE, planted_curves, planted_index
from tonescope.diagnose.jobs.show_job import ShowParameters
from tonescope.diagnose.report.view_data import as_data, check_foreign, from_data
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.runs_of_units import badge_in, runs_of_unit
from tonescope.diagnose.store.workspace import Workspace
from tonescope.diagnose.unit_index import unit_page
from tonescope.diagnose.unit_index.indexing import build_index
from tonescope.diagnose.unit_index.naming import name_units
from tonescope.diagnose.unit_index.page_views import (
    PageEvidence,
    ShowResult,
    caveats_of,
    shown,
    unit_views,
    views,
)
from tonescope.diagnose.unit_index.unit_page import Shelf, unheard
from tonescope.diagnose.unit_index.unit_wiring import wiring_of_unit
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Unit


@pytest.fixture(scope="module")
def session() -> Session:
    return tiny.session()


def test_a_page_has_all_that_is_known(session: Session, tmp_path: Path) -> None:
    index = planted_index(tmp_path / "index")
    name_units(index, PLACE, planted_curves(), session.judge)
    page = Shelf(session, [index]).unit(f"{PLACE}:{KICK}", microscope(tmp_path / "artifacts"))
    assert page.name == "responds to kick" and page.named
    assert page.examples[0]["caption"] == "a groove with kick and piano" and page.examples[0]["licence"] == "CC0"
    assert page.wiring is not None and len(page.wiring.writes) == 4
    assert sum(count for *_, count in page.histogram) > 0 and page.statistics["dead"] is False
    dead = Shelf(session, [index]).unit(f"{PLACE}:{DEAD}", microscope(tmp_path / "artifacts"))
    assert dead.name == "dead" and dead.labels == []


def test_pages_maps_and_locations_are_views_and_data(session: Session, tmp_path: Path) -> None:
    from tonescope.diagnose.jobs.job import Watch

    folder = tmp_path / "index"
    build_index(session, parameters(folder, corpus=str(folder_of_tones(tmp_path / "corpus", 5))))
    for place in ("decoder.1.mlp:3", "judge.1.mlp:0", "decoder.1.mlp", ""):
        result, evidence = shown(session, ShowParameters(place=place, index=folder), None, Watch())
        again = ShowResult.model_validate_json(result.model_dump_json())
        made = views(again, evidence)
        written = json.loads(json.dumps(as_data(made)))
        assert json.loads(json.dumps(as_data(from_data(written)))) == written
        check_foreign(made)
        assert made[0].depth == "first" and made[0].sentences
    assert len(result.map or []) > 10 and sum(row.indexed for row in result.map or []) == 3
    page, evidence = shown(session, ShowParameters(place="decoder.1.mlp:3", index=folder), None, Watch())
    assert page.unit is not None and isinstance(evidence, PageEvidence)
    heard = evidence.sounds["excerpts"]
    assert len(heard) == 3 and bool((heard.waveform.abs().amax(1) > 0.05).all())


def test_what_no_index_is_over_is_refused(session: Session, tmp_path: Path) -> None:
    index, scope = planted_index(tmp_path / "index"), microscope(tmp_path / "artifacts")
    with pytest.raises(TonescopeError, match="no index of tiny mono is over decoder"):
        Shelf(session, [index]).unit("decoder.0.mlp:1", scope)
    with pytest.raises(TonescopeError, match="units 0 to 39"):
        Shelf(session, [index]).unit("decoder.1.mlp:99", scope)
    other = Session(tiny.generator(seed=5), tiny.judge(), session.taxonomy)
    with pytest.raises(TonescopeError, match="not of these models"):
        Shelf.open(other, tmp_path / "index")


def test_a_recording_that_tops_many_units_is_told_on_the_pages_that_it_tops(session: Session, tmp_path: Path) -> None:
    index, scope = planted_index(tmp_path / "index"), microscope(tmp_path / "artifacts")
    top = index.page(Unit(PLACE, KICK)).of_kind("top")[0]
    row = {"recording": top.recording, "name": top.name, "units": 30, "of": 39, "expected": 0.7, "p": 1e-6}
    index.about["overused"] = [row, row | {"recording": 10**6, "name": "another"}]
    page = Shelf(session, [index]).unit(str(Unit(PLACE, KICK)), scope)
    assert [one.name for one in page.overused] == [top.name]
    (view,) = [one for one in unit_views(page, PageEvidence()) if one.key == "overused"]
    assert f"{top.name} is the top example of 30 of 39 live units" in view.sentences[0][0] and view.depth == "first"
    index.about["overused"] = []
    plain = Shelf(session, [index]).unit(str(Unit(PLACE, KICK)), scope)
    assert not [one for one in unit_views(plain, PageEvidence()) if one.key == "overused"]


def test_case_a_corpus_of_the_hub_is_not_fetched_for_a_page(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, scope = planted_index(tmp_path / "index"), microscope(tmp_path / "artifacts")
    index.about["corpus"] = "somebody/clips"
    monkeypatch.setattr(unit_page, "entries_of", lambda *_: pytest.fail("asked the Hub"))
    shelf = Shelf(session, [index])
    page = shelf.unit(str(Unit(PLACE, KICK)), scope)
    assert shelf.sounds(page) is None and "somebody/clips lies at the Hub" in " ".join(caveats_of(page, heard=False))
    assert "no longer where it was" in unheard(str(tmp_path / "gone"))


def test_without_an_index_all_else_is_told(session: Session, tmp_path: Path) -> None:
    shelf, scope = Shelf(session, []), microscope(tmp_path / "artifacts")
    page = shelf.unit("decoder.0.mlp:1", scope, needs_index=False)
    assert page.corpus == "" and page.wiring is not None and shelf.sounds(page) is None
    first, *others = unit_views(page, PageEvidence())
    assert "No index is over this location yet" in first.sentences[1][0]
    assert first.commands[-1].line == "tonescope index --location decoder.0.mlp"
    assert {"wiring", "runs"} <= {one.key for one in others} and not caveats_of(page, heard=False)[1:]


def test_wiring_is_told_by_weights() -> None:
    generator = tiny.generator()
    layers, heads = generator.model.decoder.model.decoder.layers, generator.model.decoder.lm_heads
    direction = torch.randn(32)
    direction -= direction.mean()
    layers[0].fc2.weight.data[:, 5] = direction
    layers[2].fc1.weight.data[7] = direction
    heads[1].weight.data[3] = 5 * direction
    for norm in (layers[2].final_layer_norm, generator.model.decoder.model.decoder.layer_norm):
        norm.weight.data.fill_(1.0)
    found = wiring_of_unit(generator, Unit.parse("decoder.0.mlp:5"))
    assert found is not None
    assert (found.downstream[0].unit, round(found.downstream[0].cosine, 3)) == ("decoder.2.mlp:7", 1.0)
    assert found.writes[1].likelier[0][0] == "code 3" and found.writes[1].strength > 2
    back = wiring_of_unit(generator, Unit.parse("decoder.2.mlp:7"))
    assert back is not None and back.upstream[0].unit == "decoder.0.mlp:5"
    assert wiring_of_unit(generator, Unit.parse("codec.2.decoder:1")) is None


def test_a_unit_is_found_in_diagnoses_of_its_model() -> None:
    result = {
        "model": {"fingerprint": "abc"},
        "drivers": {
            "group": {"names": ["decoder.1.mlp:3"], "badge": "verified"},
            "units": [{"unit": "decoder.1.mlp:3", "badge": "tested"}, {"unit": "decoder.0.self:1", "badge": "tested"}],
        },
    }
    assert badge_in(result, "decoder.1.mlp:3", "abc") == "verified"
    assert badge_in(result, "decoder.0.self:1", "abc") == "tested"
    assert badge_in(result, "decoder.0.self:2", "abc") is None and badge_in(result, "decoder.1.mlp:3", "other") is None
    assert badge_in({}, "decoder.1.mlp:3", "abc") is None


def test_diagnoses_of_a_unit_are_those_of_one_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = {"model": {"fingerprint": "abc"}, "drivers": {"units": [{"unit": "decoder.1.mlp:3"}]}}
    monkeypatch.setattr(Workspace, "content", lambda *_: SimpleNamespace(result=result))
    with Workspace.open(tmp_path) as workspace:
        for owner in ("me", "you"):
            workspace.runs.add(Run(new_name(), "diagnose", {}, title=owner, owner=owner, state="done"))
        assert [one.title for one in runs_of_unit(workspace, "decoder.1.mlp:3", "abc", "me")] == ["me"]
        assert len(runs_of_unit(workspace, "decoder.1.mlp:3", "abc")) == 2
