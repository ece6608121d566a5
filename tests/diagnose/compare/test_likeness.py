from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.diagnose.compare.changed_models import changed
from tonescope.diagnose.compare.likeness import cka, correlations, likeness
from tonescope.diagnose.store.bookmarks import Bookmark
from tonescope.models.generator import Takes


@pytest.fixture(scope="module")
def takes() -> Takes:
    return tiny.generator().generate(["house", "jazz fusion"], [1, 2], 1.0)


def test_cka_does_not_see_rotation_and_size_and_sees_other_directions() -> None:
    torch.manual_seed(0)
    one = torch.randn(60, 8)
    turned = one @ torch.linalg.qr(torch.randn(8, 8)).Q * 3 + 1
    assert cka(one, turned) == pytest.approx(1.0, abs=1e-5)
    assert cka(one, torch.randn(60, 8)) < 0.5
    wide = torch.randn(20, 50)
    assert cka(wide, wide) == pytest.approx(1.0, abs=1e-5) and cka(one, torch.zeros(60, 3)) == 0


def test_units_that_changed_places_are_matched() -> None:
    torch.manual_seed(0)
    one = torch.randn(200, 6)
    order = [3, 0, 1, 5, 4, 2]
    found = correlations(one, one[:, order])
    assert [order[at] for at in found.argmax(1).tolist()] == list(range(6))
    dead = one.clone()
    dead[:, 2] = 1.0
    assert bool((correlations(dead, one)[2] == 0).all())


def test_a_model_is_like_itself_everywhere(takes: Takes) -> None:
    rows, marked = likeness(tiny.generator(), tiny.generator(), takes)
    assert rows and marked == [] and all(row.cka > 0.9999 and not row.moved for row in rows)
    assert {row.location for row in rows} >= {"decoder.0.mlp", "decoder.2.cross", "text.1.mlp"}


def test_nothing_before_the_place_that_changed_moves_and_what_follows_does(takes: Takes) -> None:
    rows, _ = likeness(tiny.generator(), changed("mlp", layer=1, by=20.0), takes)
    by_place = {row.location: row for row in rows}
    before = ("text.1.mlp", "decoder.0.mlp", "decoder.1.self", "decoder.1.cross")
    assert all(by_place[name].cka > 0.9999 for name in before)
    assert by_place["decoder.1.mlp"].cka < 0.99 and by_place["decoder.2.residual"].cka < 0.999
    moved = by_place["decoder.1.mlp"].moved
    assert moved and moved[0].in_place is not None and moved[0].in_place < 0.9


def test_bookmarked_units_that_changed_are_told(takes: Takes) -> None:
    first = tiny.generator()
    marks = [
        Bookmark(unit=unit, model="tiny", fingerprint=first.fingerprint(), name=name)
        for unit, name in (("decoder.0.mlp:3", "stays"), ("decoder.1.mlp:3", "moves"))
    ]
    _, marked = likeness(first, changed("mlp", layer=1, by=20.0), takes, marks)
    assert {row.name: row.changed for row in marked} == {"stays": False, "moves": True}


def test_a_model_of_another_depth_is_held_against_the_places_most_like(takes: Takes) -> None:
    shallow = tiny.generator()
    layers = shallow.model.decoder.model.decoder.layers
    del layers[2]
    shallow.model.config.decoder.num_hidden_layers = 2
    from tonescope.models.families.musicgen.musicgen import MusicGen

    rows, _ = likeness(tiny.generator(), MusicGen(shallow.model, tiny.tokenizer(), "shallow"), takes)
    by_place = {row.location: row for row in rows}
    assert by_place["decoder.1.mlp"].other == "decoder.1.mlp" and by_place["decoder.2.mlp"].other != "decoder.2.mlp"
