from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.diagnose.unit_index.made_corpus import PLACES, ToneCorpus, session
from tonescope.diagnose.elsewhere.hear_file import window_starts
from tonescope.diagnose.intervene.recording import NotANumber
from tonescope.diagnose.unit_index import index_build
from tonescope.diagnose.unit_index.index_build import PROGRESS, Identity, IndexBuild
from tonescope.diagnose.unit_index.index_reading import UnitIndex
from tonescope.diagnose.unit_index.index_worker import Indexed, IndexItem, IndexSetting
from tonescope.diagnose.unit_index.indexing import LocalIndexing
from tonescope.diagnose.unit_index.listening_pass import ListeningPass
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

MODELS = session()
SCOPE = ListeningPass.at(MODELS.generator, MODELS.judge, PLACES)
SETTING = IndexSetting(
    MODELS.generator.fingerprint(), MODELS.judge.fingerprint(), tuple(map(str, SCOPE.locations)), 0.5, 10.0, 3, 6
)
ENGINE = LocalIndexing(MODELS, SETTING)
UNIT = Unit(Location.parse(PLACES[0]), 3)


def build(folder: Path, corpus: ToneCorpus, limit: int | None = None) -> IndexBuild:
    units = {str(place): SCOPE.units(place) for place in SCOPE.locations}
    return IndexBuild(folder, corpus, SETTING, Identity("tiny", "judge", "tones", "tones"), units, limit)


@pytest.fixture
def small_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_build, "ITEM", 2)


class Killed(BaseException):
    """What nothing handles."""


class DyingEngine:
    """Ends after so many items, whatever goes on."""

    def __init__(self, items: int) -> None:
        self.items = items

    def run(self, items: Iterator[IndexItem]) -> Iterator[Indexed]:
        for at, indexed in enumerate(ENGINE.run(items)):
            if at == self.items:
                raise Killed
            yield indexed


def test_an_index_holds_what_the_units_do(tmp_path: Path) -> None:
    corpus = ToneCorpus(5, broken=(2,))
    about = build(tmp_path, corpus).make(ENGINE)
    assert about["recordings"] == 4 and about["broken"] == [
        {"name": "tone 2", "problem": "broken, cut short, or no sound"}
    ]
    with UnitIndex.open(tmp_path) as index:
        page = index.page(UNIT)
    top = page.of_kind("top")
    assert [example.value for example in top] == sorted((example.value for example in top), reverse=True)
    assert page.statistics.most == pytest.approx(top[0].value) and top[0].about.licence == "CC0"
    assert {example.name for example in page.examples} <= {"tone 0", "tone 1", "tone 3", "tone 4"}
    assert sum(count for *_, count in page.histogram) > 0 and page.statistics.positions > 0
    shares = [example.share for example in page.of_kind("quantile")]
    values = [example.value for example in page.of_kind("quantile")]
    assert shares == [0.0, 0.25, 0.5, 0.75, 0.9] and values == sorted(values)


@pytest.mark.parametrize("place", PLACES)
def test_the_second_is_where_the_unit_does_most(tmp_path: Path, place: str) -> None:
    build(tmp_path, ToneCorpus(3)).make(ENGINE)
    unit = Unit(Location.parse(place), 1)
    with UnitIndex.open(tmp_path) as index:
        best = index.page(unit).of_kind("top")[0]
    assert 0 <= best.second <= best.seconds
    # In a window around that second alone the unit does as much.
    sound = ToneCorpus(3)._recording(best.recording).waveform
    starts = [start for start in window_starts(len(sound), 800) if start <= 1600 * best.second <= start + 800]
    found = SCOPE.of_sound(
        torch.stack([sound[start : start + 800] for start in starts]), lambda _, values, __: values[..., 1].amax()
    )
    assert float(found[unit.location]) == pytest.approx(best.value, rel=1e-3, abs=1e-4)


def test_a_killed_build_goes_on_and_gives_the_same(
    tmp_path: Path, small_items: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_build, "KEPT_EVERY", 0.0)
    monkeypatch.setattr(index_build, "KEPT_COST", 0.0)
    build(tmp_path / "whole", ToneCorpus(9)).make(ENGINE)
    corpus = ToneCorpus(9)
    with pytest.raises(Killed):
        build(tmp_path / "cut", corpus).make(DyingEngine(2))
    assert not (tmp_path / "cut" / "index.json").exists() and (tmp_path / "cut" / PROGRESS).exists()
    corpus.read = 0
    about = build(tmp_path / "cut", corpus).make(ENGINE)
    assert corpus.read == about["this_run"]["recordings"] == 5, "nothing is decoded twice"
    for unit in (0, 3, 7):
        with UnitIndex.open(tmp_path / "whole") as one, UnitIndex.open(tmp_path / "cut") as other:
            pages = [index.page(replace(UNIT, index=unit)) for index in (one, other)]
        assert [(each.recording, each.kind) for each in pages[0].examples] == [
            (each.recording, each.kind) for each in pages[1].examples
        ]
        assert pages[0].histogram == pages[1].histogram


def test_what_was_logged_after_the_last_checkpoint_is_looked_at_again(tmp_path: Path, small_items: None) -> None:
    build(tmp_path, ToneCorpus(4), limit=2).make(ENGINE)
    with (tmp_path / index_build.LOG).open("a") as log:
        log.write('{"number": 2, "name": "half wr')
    about = build(tmp_path, ToneCorpus(4)).make(ENGINE)
    assert about["recordings"] == 4 and about["this_run"]["recordings"] == 2


def test_a_damaged_checkpoint_begins_anew(tmp_path: Path) -> None:
    build(tmp_path, ToneCorpus(3)).make(ENGINE)
    (tmp_path / PROGRESS).write_bytes(b"nothing")
    about = build(tmp_path, ToneCorpus(3)).make(ENGINE)
    assert about["recordings"] == 3 == about["this_run"]["recordings"]


def test_a_larger_limit_looks_at_what_is_new(tmp_path: Path) -> None:
    first = build(tmp_path, ToneCorpus(6), limit=3).make(ENGINE)
    corpus = ToneCorpus(6)
    second = build(tmp_path, corpus).make(ENGINE)
    assert (first["recordings"], second["recordings"], corpus.read) == (3, 6, 3)
    again = build(tmp_path, ToneCorpus(6)).make(ENGINE)
    assert again["this_run"]["recordings"] == 0 and again["recordings"] == 6


def test_nothing_to_hear_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="nothing in tones can be heard"):
        build(tmp_path, ToneCorpus(2, broken=(0, 1))).make(ENGINE)


def test_two_builds_of_one_index_at_once_are_refused(tmp_path: Path) -> None:
    class Second:
        def run(self, items: Iterator[IndexItem]) -> Iterator[Indexed]:
            with pytest.raises(TonescopeError, match="another process"):
                build(tmp_path, ToneCorpus(2)).make(ENGINE)
            yield from ENGINE.run(items)

    assert build(tmp_path, ToneCorpus(2)).make(Second())["recordings"] == 2


def test_a_recording_that_tops_all_units_is_overused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Location.parse(PLACES[0])
    real = ListeningPass.of_sound

    def loud(self: ListeningPass, windows: torch.Tensor, reduce: object) -> object:
        scale = 1 + 50 * (windows.abs().amax(1) > 0.5)[:, None, None]

        def scaled(location: Location, values: torch.Tensor, moments: torch.Tensor) -> object:
            return reduce(location, values * scale if location == place else values, moments)  # type: ignore[operator]

        return real(self, windows, scaled)

    monkeypatch.setattr(ListeningPass, "of_sound", loud)
    monkeypatch.setattr("tests.diagnose.unit_index.made_corpus.tone", _louder)
    only = replace(SETTING, locations=(str(place),))
    made = replace(build(tmp_path, ToneCorpus(20)), setting=only, units={str(place): SCOPE.units(place)})
    (worst,) = made.make(LocalIndexing(MODELS, only))["overused"]
    assert worst["name"] == "tone 4" and worst["units"] > 0.6 * worst["of"] and worst["p"] < 1e-3


def _louder(hertz: float, seconds: float = 1.0, level: float = 0.2) -> object:
    from tests.diagnose.unit_index import made_corpus

    wave = torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * made_corpus.RATE)) / made_corpus.RATE)
    return ((0.9 if hertz == 68 else level) * wave).numpy()


def test_dead_units_are_called_dead(tmp_path: Path) -> None:
    models = session()
    models.generator.model.decoder.model.decoder.layers[1].fc1.weight.data[3] = 0
    setting = replace(SETTING, generator=models.generator.fingerprint())
    replace(build(tmp_path, ToneCorpus(3)), setting=setting).make(LocalIndexing(models, setting))
    with UnitIndex.open(tmp_path) as index:
        assert 3 in index.dead(UNIT.location) and index.page(UNIT).statistics.dead
        assert not index.page(replace(UNIT, index=4)).statistics.dead
        assert index.map()[PLACES[0]][1] >= 1


def test_an_index_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="no index that is finished"):
        UnitIndex.open(tmp_path)
    build(tmp_path, ToneCorpus(2)).make(ENGINE)
    with UnitIndex.open(tmp_path) as index, pytest.raises(TonescopeError, match="not over decoder"):
        index.page(Unit(Location.parse("decoder.0.mlp"), 0))
    about = json.loads((tmp_path / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps(about | {"format": 0}))
    with pytest.raises(TonescopeError, match="no index that is finished"):
        UnitIndex.open(tmp_path)


def test_case_a_recording_that_is_not_a_number_in_the_model_is_passed_over(
    tmp_path: Path, small_items: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ListeningPass.of_sound

    def overflows(self: ListeningPass, windows: torch.Tensor, reduce: object) -> object:
        if bool((windows.abs() > 0.5).any()):
            raise NotANumber("decoder.1.mlp is not a number in places")
        return real(self, windows, reduce)  # type: ignore[arg-type]

    monkeypatch.setattr("tests.diagnose.unit_index.made_corpus.tone", _louder)  # of the fifth tone alone
    monkeypatch.setattr(ListeningPass, "of_sound", overflows)
    about = build(tmp_path / "odd", ToneCorpus(7)).make(ENGINE)
    assert about["recordings"] == 6 and [row["name"] for row in about["broken"]] == ["tone 4"]
    assert "not a number" in about["broken"][0]["problem"]
    again = build(tmp_path / "odd", ToneCorpus(7)).make(ENGINE)
    assert again["this_run"]["recordings"] == 0, "it does not stand in the way"
    monkeypatch.setattr(ListeningPass, "of_sound", real)
    build(tmp_path / "without", ToneCorpus(7, broken=(4,))).make(ENGINE)
    with UnitIndex.open(tmp_path / "odd") as one, UnitIndex.open(tmp_path / "without") as other:
        assert one.page(UNIT).histogram == other.page(UNIT).histogram, "nothing of it is in any sum"
