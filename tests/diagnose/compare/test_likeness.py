from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.diagnose.compare.changed_models import changed
from tonescope.diagnose.compare.likeness import activity, by_chance, cka, correlations, groups_of, likeness
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


def test_cka_is_the_same_by_positions_and_by_features() -> None:
    """A few positions are held against each other, many by their features: two ways to one number."""
    torch.manual_seed(1)
    few = torch.randn(12, 30), torch.randn(12, 30)
    centred = [(each - each.mean(0)).double() for each in few]
    cross = (centred[0].T @ centred[1]).square().sum()
    below = (centred[0].T @ centred[0]).norm() * (centred[1].T @ centred[1]).norm()
    assert cka(*few) == pytest.approx(float(cross / below), abs=1e-9)


def test_cka_falls_with_the_part_of_the_directions_that_is_another() -> None:
    torch.manual_seed(2)
    one, noise = torch.randn(400, 8), torch.randn(400, 8)
    found = [cka(one, (1 - part) * one + part * noise) for part in (0.0, 0.3, 0.6, 1.0)]
    assert found == sorted(found, reverse=True) and found[0] == pytest.approx(1.0) and found[-1] < 0.2


def test_every_place_that_plays_is_looked_at_once_and_no_more_is_held_than_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = tiny.generator()
    wanted = {place for place in first.locations() if place.network != "codec"}
    assert len(groups_of(first, 100)) == 1
    monkeypatch.setattr("tonescope.diagnose.compare.likeness.AT_ONCE", most := 8 * 100 * 200)
    groups = groups_of(first, 100)
    places = [place for some in groups for place in some]
    assert set(places) == wanted and len(places) == len(wanted) and len(groups) > 1
    assert all(len(some) == 1 or sum(8 * 100 * first.features(place) for place in some) <= most for some in groups)


def test_activity_is_that_of_the_same_positions_whatever_passes_together(
    takes: Takes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tiny.generator()
    places = [first.location("decoder.1.mlp"), first.location("decoder.2.cross")]
    together = activity(first, takes, places)
    monkeypatch.setattr(
        "tonescope.diagnose.compare.likeness.batches", lambda _, some: [[at] for at in range(len(some))]
    )
    apart = activity(first, takes, places)
    for place in places:
        assert torch.allclose(together[place].units, apart[place].units, atol=1e-4)
        assert together[place].units.shape[1] == first.units(place)


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


def test_a_bookmarked_unit_that_does_nothing_in_either_is_not_said_to_have_changed(takes: Takes) -> None:
    first, second = tiny.generator(), changed("mlp", layer=1, by=20.0)
    for one in (first, second):
        block = one.model.decoder.model.decoder.layers[1]
        with torch.no_grad():
            block.fc1.weight[3].zero_()
            if block.fc1.bias is not None:
                block.fc1.bias[3].zero_()
    mark = Bookmark(unit="decoder.1.mlp:3", model="tiny", fingerprint=first.fingerprint(), name="silent")
    _, (row,) = likeness(first, second, takes, [mark])
    assert not row.active and not row.changed
    assert likeness(tiny.generator(), first, takes, [mark])[1][0].active  # it does something in one of them


def test_units_of_a_model_and_itself_match_far_above_chance(takes: Takes) -> None:
    rows, _ = likeness(tiny.generator(), tiny.generator(), takes)
    row = next(one for one in rows if one.location == "decoder.1.mlp")
    assert row.matched > 0.999 and row.matched_by_chance is not None and row.matched_by_chance < 0.9
    torch.manual_seed(3)
    one = torch.randn(300, 40)
    assert float(by_chance(one, one).amax(1).mean()) < 0.3 < float(correlations(one, one).amax(1).mean())
