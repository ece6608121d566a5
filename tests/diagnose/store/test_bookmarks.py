from __future__ import annotations

import json
import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from tests import tiny
from tests.diagnose.report.made_up import single_unit
from tonescope.diagnose.jobs.diagnosis_job import JOB, DiagnosisParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks, read_file, with_bookmarks
from tonescope.diagnose.store.workspace import BOOKMARKS, Workspace
from tonescope.models.errors import TonescopeError

ONE = Bookmark(
    unit="decoder.1.mlp:3", model="embedded", fingerprint="ab" * 8, name="kick neuron", tags=["Drums", "drums"]
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Workspace.open(tmp_path / "space") as opened:
        return opened.folder


def test_bookmarks_are_kept_found_and_removed(folder: Path) -> None:
    with Bookmarks(folder) as kept:
        assert kept.keep(ONE) and not kept.keep(ONE.model_copy(update={"notes": "fires on every kick"}))
        kept.keep(Bookmark(unit="decoder.2.mlp:1", model="embedded", fingerprint="ab" * 8, name="slow", changed=1.0))
    with Bookmarks(folder) as kept:
        assert [one.name for one in kept.all()] == ["kick neuron", "slow"]
        assert kept.all()[0].tags == ["drums"] and kept.all()[0].notes == "fires on every kick"
        assert [one.unit for one in kept.all(search="KICK every")] == ["decoder.1.mlp:3"]
        assert [one.unit for one in kept.all(tag="Drums")] == ["decoder.1.mlp:3"] and not kept.all(fingerprint="cd" * 8)
        assert kept.remove("decoder.1.mlp:3") == 1 and kept.remove("decoder.1.mlp:3") == 0


def test_a_unit_of_another_model_is_another_bookmark(folder: Path) -> None:
    other = ONE.model_copy(update={"fingerprint": "cd" * 8, "model": "mine"})
    with Bookmarks(folder) as kept:
        assert kept.keep(ONE) and kept.keep(other) and len(kept.find(ONE.unit)) == 2
    assert ONE.foreign_to("ab" * 8, "embedded") is None
    assert "another model" in str(ONE.foreign_to("cd" * 8, "mine"))


def test_what_is_exported_can_be_imported(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "sent.json"
    with Bookmarks(folder) as kept:
        kept.keep(ONE)
        kept.export(file, kept.all())
        assert kept.take_in(file).kept == 1
        kept.remove(ONE.unit)
        assert kept.take_in(file).new == 1 and kept.all()[0] == ONE
        newer = ONE.model_copy(update={"name": "newer", "changed": ONE.changed + 1})
        kept.export(file, [newer])
        assert kept.take_in(file).replaced == 1 and kept.all()[0].name == "newer"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"unit": "decoder.1.mlp"}, "not a unit"),
        ({"unit": "decoder.1.mlp:-1"}, "not a unit"),
        ({"name": "  "}, "name"),
        ({"fingerprint": "../../x"}, "fingerprint"),
        ({"changed": -1}, "changed"),
        ({"tags": ["x"] * 99}, "tags"),
        ({"colour": "red"}, "colour"),
        ({"notes": 5}, "notes"),
    ],
)
def test_a_file_from_elsewhere_is_validated(
    tmp_path: Path, changed: dict[str, object], told: str, folder: Path
) -> None:
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps({"format": "tonescope bookmarks 1", "bookmarks": [ONE.model_dump() | changed]}))
    with Bookmarks(folder) as kept:
        with pytest.raises(TonescopeError, match=told):
            kept.take_in(file)
        assert kept.all() == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "tonescope bookmarks 9", "bookmarks": []}', "\x00"])
def test_what_is_no_file_of_bookmarks_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(TonescopeError, match="holds no bookmarks"):
        read_file(tmp_path / "a.json")
    with pytest.raises(TonescopeError, match="cannot be read"):
        read_file(tmp_path / "none.json")


def test_a_damaged_database_is_refused(folder: Path) -> None:
    (folder / BOOKMARKS).write_bytes(b"not at all a database" * 100)
    with pytest.raises(TonescopeError, match="the bookmarks"):
        Bookmarks(folder)


def test_a_workspace_with_bookmarks_alone_is_one(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "space") as opened:
        Bookmarks(opened.folder).close()
    with Workspace.open(tmp_path / "space") as opened:
        assert opened.runs.page().total == 0


def test_a_diagnosis_names_bookmarked_units_it_meets(folder: Path) -> None:
    found = single_unit()
    unit = found.drivers.units[0].unit
    assert with_bookmarks(found, folder / "nowhere").bookmarks == []
    with Bookmarks(folder) as kept:
        kept.keep(ONE.model_copy(update={"unit": unit, "fingerprint": "ef" * 8}))
    assert with_bookmarks(found, folder).bookmarks == [], "of another model"
    own = found.model_copy(update={"model": found.model.model_copy(update={"fingerprint": "ef" * 8})})
    (met,) = with_bookmarks(own, folder).bookmarks
    assert (met.unit, met.name) == (unit, "kick neuron")
    from tonescope.diagnose.report.unit_views import bookmarks

    view = bookmarks(with_bookmarks(own, folder))
    assert view is not None and "kick neuron" in view.sentences[0][0] and bookmarks(found) is None
    (folder / BOOKMARKS).write_bytes(b"x" * 5000)
    assert any("Bookmarks were not looked at" in caveat for caveat in with_bookmarks(own, folder).caveats)


def test_names_have_to_say_something() -> None:
    with pytest.raises(ValidationError):
        Bookmark(unit="decoder.1.mlp:3", model="m", fingerprint="ab" * 8, name="")


def test_case_many_bookmarks_are_taken_in_by_one_look_and_one_transaction(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [ONE.model_copy(update={"unit": f"decoder.1.mlp:{at}", "changed": 2.0}) for at in range(400)]
    file, begun = tmp_path / "many.json", list[int]()
    with Bookmarks(folder) as kept:
        kept.keep(many[0].model_copy(update={"changed": 1.0}))
        kept.keep(many[1].model_copy(update={"changed": 9.0, "name": "mine"}))
        kept.export(file, [*many, many[5].model_copy(update={"changed": 3.0, "name": "twice"})])
        really = kept._database.transaction

        def counted() -> AbstractContextManager[sqlite3.Connection]:
            begun.append(1)
            return really()

        monkeypatch.setattr(kept._database, "transaction", counted)
        monkeypatch.setattr(kept, "all", lambda **_: pytest.fail("looked through all of them for one"))
        done = kept.take_in(file)
    assert (done.new, done.replaced, done.kept) == (398, 2, 1) and len(begun) == 1
    with Bookmarks(folder) as kept:
        names = {one.unit: one.name for one in kept.all()}
    assert len(names) == 400 and names["decoder.1.mlp:1"] == "mine" and names["decoder.1.mlp:5"] == "twice"


def test_case_a_diagnosis_meets_the_bookmarks_of_the_workspace_that_it_is_kept_in(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "own"))
    found = single_unit()
    own = found.model_copy(update={"model": found.model.model_copy(update={"fingerprint": "ef" * 8})})
    with Bookmarks(folder) as kept:
        kept.keep(ONE.model_copy(update={"unit": found.drivers.units[0].unit, "fingerprint": "ef" * 8}))
    session = SimpleNamespace(
        generator=tiny.generator(), with_second=lambda _: SimpleNamespace(diagnose=lambda *_, **__: (own, None))
    )
    asked = DiagnosisParameters(prompt="house")
    met = [JOB.run(session, asked, watch).result.bookmarks for watch in (Watch(workspace=folder), Watch())]  # type: ignore[attr-defined]
    assert [len(some) for some in met] == [1, 0]
