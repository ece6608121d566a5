"""A run as one file: what is sent arrives, and what is no run, or altered, leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.diagnose.report import shown
from tests.diagnose.runtime import toy_run
from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.report import render_html
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.report.view import Command, View
from tonescope.diagnose.store import run_archive
from tonescope.diagnose.store.run_archive import MANIFEST, export_run, import_run
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError

Entries = dict[str, bytes]
FOUND = {"prompt": "polka", "steps": 2}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(job_registry, "ROWS", [*job_registry.ROWS, toy_run.ROW])
    return Workspace.open(tmp_path / "workspace")


def done(workspace: Workspace, views: list[View] | None = None) -> Run:
    """A run that ended well, with two sounds."""
    about: dict[str, Any] = {
        "title": "polka",
        "sentence": "It is polka.",
        "badge": "observed",
        "models": "a",
        "owner": "me",
    }
    run = Run(new_name(), "toy_run", {"prompt": "polka"}, state="done", started=1.0, ended=2.0, **about)
    generator = shown.session().generator
    sets = {name: generator.generate(["house"], [1], 0.5) for name in ("slow", "fast")}
    workspace.files(run.name).write(json.dumps(FOUND), views or shown.toy_views(), sets, Sounds(generator))
    return workspace.runs.add(run)


def entries(path: Path) -> Entries:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed(found: Entries, **about: Any) -> Entries:
    """With a manifest that fits what is in it, as who means harm would make it."""
    manifest = json.loads(found[MANIFEST])
    files = {name: data for name, data in found.items() if name != MANIFEST}
    listed = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    run = manifest["run"] | about.pop("run", {})
    return {MANIFEST: json.dumps(manifest | {"files": listed, "run": run} | about).encode(), **files}


def written(path: Path, found: Entries) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    return path


def assert_refused(workspace: Workspace, path: Path, *words: str) -> None:
    """One sentence, and the workspace is as it was."""
    before = sorted(workspace.folder.rglob("*")), workspace.runs.page().total
    with pytest.raises(TonescopeError) as refused:
        import_run(workspace, path)
    assert all(word in str(refused.value) for word in words), refused.value
    assert "\n" not in str(refused.value)
    after = sorted(each for each in workspace.folder.rglob("*") if "sqlite-" not in each.name)
    assert (after, workspace.runs.page().total) == (
        [each for each in before[0] if "sqlite-" not in each.name],
        before[1],
    )


def test_what_is_sent_arrives(workspace: Workspace, tmp_path: Path) -> None:
    run = done(workspace)
    sent = export_run(workspace, run.name, tmp_path / "run.zip")
    with Workspace.open(tmp_path / "other") as other:
        got = import_run(other, sent, owner="you")
        assert (got.name, got.title, got.sentence, got.owner) == (run.name, run.title, run.sentence, "you")
        assert got.badge == "observed"
        assert (got.parameters, got.created, got.seconds) == (run.parameters, run.created, run.seconds)
        before, after = workspace.content(run.name), other.content(run.name)
        page = render_html.page("Run", before.views, before.sounds)
        assert render_html.page("Run", after.views, after.sounds) == page and after.result == FOUND
        again = import_run(other, sent)
        assert again.name != run.name and other.runs.page().total == 2
        assert other.content(again.name).result == FOUND
        assert export_run(other, run.name, tmp_path / "again.zip").read_bytes() == sent.read_bytes()
    assert "me" not in json.loads(entries(sent)[MANIFEST])["run"].values()


def test_only_what_is_done_is_exported_and_nothing_is_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    failed = workspace.runs.add(Run(new_name(), "diagnose", {}, state="failed"))
    with pytest.raises(TonescopeError, match="is failed"):
        export_run(workspace, failed.name, tmp_path / "run.zip")
    with pytest.raises(TonescopeError, match="there is no run"):
        export_run(workspace, new_name(), tmp_path / "run.zip")
    run = done(workspace)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TonescopeError, match="there already"):
        export_run(workspace, run.name, tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    export_run(workspace, run.name, tmp_path / "thesis.txt", overwrite=True)
    for target in (tmp_path / "missing" / "run.zip", tmp_path):
        with pytest.raises(TonescopeError, match=r"could not be written|there already"):
            export_run(workspace, run.name, target)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


HARM: dict[str, Callable[[Entries], Entries]] = {
    "leads up": lambda found: sealed(found | {"../../evil.json": b"{}"}),
    "absolute": lambda found: sealed(found | {"/etc/evil": b"{}"}),
    "backslash": lambda found: sealed(found | {"audio\\..\\evil": b"{}"}),
    "a program": lambda found: sealed(found | {"audio/run.exe": b"MZ"}),
    "a folder": lambda found: sealed(found | {"audio/": b""}),
    "not listed": lambda found: found | {"audio/99.flac": b"fLaC"},
    "missing": lambda found: {name: data for name, data in found.items() if name != "audio/1.flac"},
    "altered": lambda found: found | {"result.json": b'{"prompt": "polka", "steps": 3}'},
    "altered sound": lambda found: found | {"audio/1.flac": found["audio/1.flac"][:-1] + b"x"},
    "no manifest": lambda found: {name: data for name, data in found.items() if name != MANIFEST},
    "manifest is none": lambda found: found | {MANIFEST: b"[]"},
    "manifest is no JSON": lambda found: found | {MANIFEST: b"\xff{"},
    "manifest without end": lambda found: found | {MANIFEST: b"[" * 200_000},
    "sizes are none": lambda found: found | {MANIFEST: found[MANIFEST].replace(b'"bytes"', b'"bites"')},
    "too much": lambda found: found | {MANIFEST: found[MANIFEST].replace(b'"bytes": ', b'"bytes": 9999999')},
    "no views": lambda found: sealed(found | {"views.json": b"[]"}),
    "no result": lambda found: sealed(found | {"result.json": b"[1]"}),
    "result without end": lambda found: sealed(found | {"result.json": b'{"a":' * 100_000}),
    "no sound": lambda found: sealed(found | {"audio/1.flac": b"MZ" * 100}),
    "another result": lambda found: sealed(found | {"result.json": b'{"prompt": "polka", "steps": "x"}'}),
    "another job’s result": lambda found: sealed(found, run={"job": "edit"}),
    "no parameters": lambda found: sealed(found, run={"parameters": "x"}),
    "parameters of another kind": lambda found: sealed(found, run={"parameters": {"prompt": ["polka"]}}),
    "no title": lambda found: sealed(found, run={"title": 3}),
    "no time": lambda found: sealed(found, run={"created": "now"}),
    "time that is none": lambda found: sealed(found, run={"ended": float("nan")}),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM.keys())
def test_what_was_tampered_with_leaves_nothing_behind(
    workspace: Workspace, tmp_path: Path, harm: Callable[[Entries], Entries]
) -> None:
    run = done(workspace)
    found = entries(export_run(workspace, run.name, tmp_path / "run.zip"))
    workspace.delete(run.name)
    written(tmp_path / "fair.zip", sealed(found))
    workspace.delete(import_run(workspace, tmp_path / "fair.zip").name)  # what is not tampered with arrives
    assert_refused(workspace, written(tmp_path / "foul.zip", harm(found)), "no run as Tonescope exports it")


def test_what_no_version_here_can_read_is_told(workspace: Workspace, tmp_path: Path) -> None:
    found = entries(export_run(workspace, done(workspace).name, tmp_path / "run.zip"))
    assert_refused(workspace, written(tmp_path / "a.zip", sealed(found, format=2)), "newer Tonescope", "update")
    assert_refused(workspace, written(tmp_path / "b.zip", sealed(found, run={"job": "prophesy"})), "prophesy", "update")
    newer = json.dumps(json.loads(found["views.json"]) | {"format": 2}).encode()
    assert_refused(workspace, written(tmp_path / "c.zip", sealed(found | {"views.json": newer})), "newer Tonescope")


def test_a_name_that_leads_elsewhere_is_replaced(workspace: Workspace, tmp_path: Path) -> None:
    found = entries(export_run(workspace, done(workspace).name, tmp_path / "run.zip"))
    run = import_run(workspace, written(tmp_path / "a.zip", sealed(found, run={"name": "../../../evil"})))
    assert workspace.content(run.name).is_whole and not list(tmp_path.rglob("evil*"))


def test_a_line_for_the_shell_that_is_foreign_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    views = [View("next", "Next", commands=[Command("Try:", "tonescope; rm -rf ~")])]
    export_run(workspace, done(workspace, views).name, tmp_path / "run.zip")
    assert_refused(workspace, tmp_path / "run.zip", "not written by Tonescope")


def test_a_link_is_not_followed(workspace: Workspace, tmp_path: Path) -> None:
    found = entries(export_run(workspace, done(workspace).name, tmp_path / "run.zip"))
    link = zipfile.ZipInfo("result.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    found = sealed(found | {"result.json": b"/etc/passwd"})
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        for name, data in found.items():
            archive.writestr(link if name == "result.json" else name, data)
    assert_refused(workspace, tmp_path / "link.zip", "link")


def test_a_bomb_is_not_unpacked(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = entries(export_run(workspace, done(workspace).name, tmp_path / "run.zip"))
    bomb = found | {"audio/1.flac": bytes(50 * 2**20)}
    assert_refused(workspace, written(tmp_path / "lies.zip", bomb), "was altered")  # of a size that is not listed
    with monkeypatch.context() as patch:
        patch.setattr(run_archive, "MOST_BYTES", 2**20)
        assert_refused(workspace, written(tmp_path / "true.zip", sealed(bomb)), "unpacked it would take")
    text = found | {"views.json": b" " * (run_archive.MOST_TEXT + 1)}
    assert_refused(workspace, written(tmp_path / "text.zip", sealed(text)), "MiB")
    monkeypatch.setattr(run_archive, "MOST_DIRECTORY", 200)
    assert_refused(workspace, written(tmp_path / "list.zip", found), "no zip archive")


def test_a_sound_that_would_play_for_ever_is_refused(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_run(workspace, done(workspace).name, tmp_path / "run.zip")
    monkeypatch.setattr(run_archive, "LONGEST_SOUND", 0.1)
    assert_refused(workspace, tmp_path / "run.zip", "no take")


def test_twice_the_same_entry_or_another_packing_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    found = sealed(entries(export_run(workspace, done(workspace).name, tmp_path / "run.zip")))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        for name, data in (*found.items(), ("result.json", b"{}")):
            archive.writestr(name, data)
    assert_refused(workspace, tmp_path / "twice.zip", "not those of its list")
    with zipfile.ZipFile(tmp_path / "other.zip", "w", zipfile.ZIP_LZMA) as archive:
        for name, data in found.items():
            archive.writestr(name, data)
    assert_refused(workspace, tmp_path / "other.zip", "packed in another way")


def test_what_is_no_archive_is_told(workspace: Workspace, tmp_path: Path) -> None:
    whole = export_run(workspace, done(workspace).name, tmp_path / "run.zip").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, data in {"empty": b"", "text": b"hello", "half": whole[: len(whole) // 2], "more": whole + b"x"}.items():
        (tmp_path / name).write_bytes(data)
        assert_refused(workspace, tmp_path / name, "no run as Tonescope exports it")
    assert_refused(workspace, tmp_path / "pipe", "it is no file")
    assert_refused(workspace, tmp_path / "folder", "folder")
    assert_refused(workspace, tmp_path / "missing", "cannot be imported")


@pytest.mark.parametrize("at", range(0, 100, 7))
def test_no_damage_passes_and_none_is_a_defect(workspace: Workspace, tmp_path: Path, at: int) -> None:
    path = export_run(workspace, done(workspace).name, tmp_path / "run.zip")
    data = bytearray(path.read_bytes())
    for place in range(at, len(data), 100):
        data[place] ^= 0x55
    path.write_bytes(data)
    assert_refused(workspace, path)


@pytest.mark.parametrize("badge", ["proven", None, 3])
def test_a_badge_that_there_is_not_is_none(workspace: Workspace, tmp_path: Path, badge: object) -> None:
    sent = entries(export_run(workspace, done(workspace).name, tmp_path / "run.zip"))
    assert import_run(workspace, written(tmp_path / "other.zip", sealed(sent, run={"badge": badge}))).badge == ""
