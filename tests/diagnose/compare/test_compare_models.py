from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.compare import about_of, drawn, modules_at, row_of
from tests import tiny
from tests.diagnose.compare.changed_models import changed
from tonescope.diagnose.compare.compare_models import CompareWish, asked_of, compare_models
from tonescope.diagnose.compare.compare_schema import Comparison
from tonescope.diagnose.compare.compare_views import place_told, tempo_told, views
from tonescope.diagnose.compare.paired_statistics import Measured
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.report.view_data import as_data, from_data
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from training.plant_adapters import Fact

WISH = CompareWish(
    prompts=("house, slow", "house, fast", "jazz fusion, slow", "jazz fusion, fast"), takes=1, seconds=0.6
)


def compared(second: Generator, wish: CompareWish = WISH, workspace: Path | None = None) -> Comparison:
    """The tiny generator beside another."""
    found, evidence = compare_models(tiny.generator(), second, tiny.session(), wish, Watch(), workspace=workspace)
    made = views(Comparison.model_validate_json(found.model_dump_json()), evidence)
    assert made[0].tone == "open" and made[0].sentences
    written = json.loads(json.dumps(as_data(made)))
    assert json.loads(json.dumps(as_data(from_data(written)))) == written
    return found


@pytest.mark.parametrize("kind", ["mlp", "cross"])
def test_the_place_that_carries_the_change_is_named_and_proven(kind: str) -> None:
    found = compared(changed(kind, by=20.0))
    place = f"decoder.1.{kind}"
    assert found.named == [place] and [row.part for row in found.parts] == [place]
    best = found.parts[0]
    assert best.brings is not None and best.takes_away is not None
    assert best.brings.value == pytest.approx(1.0, abs=1e-3) and best.takes_away.value == pytest.approx(1.0, abs=1e-3)
    (graft,) = found.grafts
    assert graft.same == graft.takes > 0
    assert place_told(found).startswith(f"{place} carries the change in what was tested")
    assert not graft.verified and views(found, None)[0].sentences[-1][1] == "tested"


def test_case_the_one_place_that_differs_is_not_verified_however_many_takes_show_it() -> None:
    many = (*WISH.prompts, "house", "jazz fusion", "music", "slow music")
    (graft,) = compared(changed("mlp", by=20.0), CompareWish(prompts=many, takes=1, seconds=0.6)).grafts
    assert graft.takes >= 6 and graft.same == graft.takes and "no other place differs" in graft.doubt


def test_of_two_places_that_changed_the_one_that_matters_is_ranked_first() -> None:
    second = changed("mlp", by=20.0)
    weight = second.model.decoder.model.decoder.layers[2].self_attn.out_proj.weight
    with torch.no_grad():
        weight.add_(0.001 * weight.std() * torch.randn_like(weight))
    found = compared(second, CompareWish(prompts=WISH.prompts, takes=1, seconds=0.6, tested=1))
    assert [row.part for row in found.parts] == ["decoder.1.mlp", "decoder.2.self"]
    assert found.grafts[-1].control and found.grafts[-1].parts == ["decoder.2.self"]
    assert found.grafts[0].beside == ["decoder.2.self"]
    assert f"({found.grafts[-1].same} with those of" in place_told(found)


def test_case_a_place_that_was_named_by_what_it_brings_is_told_by_that_and_not_by_one_take() -> None:
    found = compared(changed("mlp", by=20.0))
    way = Measured(value=0.8, low=0.6, high=0.9, prompts=8, takes=48, p=0.001)
    graft = found.grafts[0].model_copy(update={"same": 1, "takes": 48, "brings": way, "verified": True, "doubt": ""})
    told = place_told(found.model_copy(update={"grafts": [graft]}))
    assert "A plays 80 % (60–90) of the way to B" in told and "1 of 48" not in told and "carries the change:" in told


def test_two_models_of_the_same_weights_do_not_differ() -> None:
    found = compared(tiny.generator())
    assert found.behaviour.heard_change is not None and found.behaviour.heard_change.value == 0
    assert not found.parts and not found.named and "the same weights" in " ".join(found.caveats)
    assert tempo_told(found) == "" or "alike" in tempo_told(found)


def test_models_of_different_shape_are_compared_as_far_as_it_makes_sense() -> None:
    found = compared(tiny.generator("stereo"))
    assert found.behaviour.heard_change is not None and not found.likeness and not found.parts
    assert "units and weights were not compared" in " ".join(found.caveats)
    other = compared(tiny.generator(seed=9))  # another codec
    assert not other.parts and "different codecs" in " ".join(other.caveats)


def test_bookmarks_of_the_first_model_are_looked_at(tmp_path: Path) -> None:
    with Bookmarks(tmp_path) as bookmarks:
        for fingerprint in (tiny.generator().fingerprint(), "0" * 16):
            bookmarks.keep(Bookmark(unit="decoder.1.mlp:3", model="m", fingerprint=fingerprint, name=fingerprint[:4]))
    found = compared(changed("mlp", by=20.0), workspace=tmp_path)
    assert [row.name for row in found.bookmarks] == [tiny.generator().fingerprint()[:4]] and found.bookmarks[0].changed


def test_genres_are_asked_for_alone_slow_and_fast() -> None:
    asked = asked_of(CompareWish(genres=("house",)), tiny.session())
    assert [each.prompt for each in asked] == ["house", "house, slow", "house, fast"]
    assert len(asked_of(CompareWish(), tiny.session())) == 3 * 4
    with pytest.raises(TonescopeError, match="does not know"):
        asked_of(CompareWish(genres=("gamelan",)), tiny.session())


def test_the_benchmark_asks_for_the_place_that_was_touched() -> None:
    base = tiny.generator()
    place = base.location("decoder.1.mlp")
    row = row_of(base, changed("mlp", by=20.0), tiny.session(), place, Fact("made up", "confusion", 1.0), WISH)
    assert row["right"] and row["touched"] == "decoder.1.mlp" and row["first place that differs"] == "decoder.1.mlp"
    asked = SimpleNamespace(steps=1, takes=1, seconds=0.6)
    assert about_of([row, row | {"right": False}], asked)["named"] == 1  # type: ignore[arg-type]
    assert len(set(drawn(base, 5))) == 5 and "fc1|fc2" in modules_at(place)
