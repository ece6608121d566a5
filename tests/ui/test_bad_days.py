"""What a server has to live with: full disks, workspaces that cannot be written, models that cannot be loaded, and
whatever people type. Each ends in a sentence, and the next run goes well."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.ui.serving import client, serving
from tests.ui.test_run_api import SHORT, asked, ended, refused, submitted
from tonescope.diagnose.store import run_database, run_files
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui.cli import app
from tonescope.ui.server import Serving

HOSTILE = {
    "empty": ("", "is empty"),
    "blank": (" \n\t ", "is empty"),
    "twenty thousand characters": ("x" * 20_000, "20000 characters"),
    "emoji alone": ("🎷🥁", "no word in it"),
}
PLAYED = (
    "ハウス 🎷 piano",
    "بيت موسيقى",
    "<script>alert(1)</script> house",
    "house\u202e\x07 ${7*7} {{7*7}}",
    "-- --help",
)


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.fixture
def asking(served: Serving) -> Iterator[httpx.Client]:
    with client(served) as visitor:
        visitor.get("/gradio_api/info")
        yield visitor


def connection(served: Serving) -> Any:
    """The server's own connection to its list of runs."""
    return served._server.workshop.workspace._database._connection


@pytest.mark.parametrize("name", HOSTILE)
def test_a_prompt_that_cannot_be_played_is_refused_before_it_waits(asking: httpx.Client, name: str) -> None:
    prompt, told = HOSTILE[name]
    said = refused(asking, "submit", "diagnose", {"prompt": prompt, **SHORT})
    assert told in said and said.endswith(".")


def test_half_a_character_is_no_text(asking: httpx.Client) -> None:
    body = json.dumps({"data": ["diagnose", {"prompt": "\ud83c house", **SHORT}]})
    at = "/gradio_api/call/submit"
    begun = asking.post(at, content=body, headers={"Content-Type": "application/json"})
    assert begun.status_code == 200
    told = asking.get(f"{at}/{begun.json()['event_id']}").text
    assert "event: error" in told and "bytes that are no text" in told


@pytest.mark.parametrize("prompt", PLAYED)
def test_any_prompt_with_a_word_in_it_is_played_and_shown_as_text(asking: httpx.Client, prompt: str) -> None:
    name = submitted(asking, prompt, **SHORT)
    assert ended(asking, name)["state"] == "done"
    shown = asking.get(f"/run/{name}/state").json()
    assert "<script>alert" not in shown["html"]
    if prompt.isprintable():
        assert shown["title"] == prompt


def test_case_a_disk_that_becomes_full_fails_the_run_in_a_sentence(
    asking: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(run_files, "_replace", full)
        told = ended(asking, submitted(asking))
    assert told["state"] == "failed" and "free some space" in told["problem"]
    assert ended(asking, submitted(asking))["state"] == "done"


def test_case_a_list_that_cannot_grow_refuses_the_run_in_a_sentence(served: Serving, asking: httpx.Client) -> None:
    pages = connection(served).execute("PRAGMA page_count").fetchone()[0]
    connection(served).execute(f"PRAGMA max_page_count = {pages}")
    try:
        long = {"prompt": "house", "intended": "x" * 500_000}
        assert "disk is full" in refused(asking, "submit", "diagnose", long)
    finally:
        connection(served).execute("PRAGMA max_page_count = 1000000")
    assert ended(asking, submitted(asking))["state"] == "done"


def test_case_a_workspace_that_becomes_read_only_is_told(served: Serving, asking: httpx.Client) -> None:
    connection(served).execute("PRAGMA query_only = 1")
    try:
        assert "make it writable" in refused(asking, "submit", "diagnose", {"prompt": "house"})
        assert asking.get("/library").status_code == 200  # what is there can be looked at
    finally:
        connection(served).execute("PRAGMA query_only = 0")
    assert ended(asking, submitted(asking))["state"] == "done"


def started(*options: str) -> str:
    """What `tonescope ui` says that does not start."""
    result = CliRunner().invoke(app, ["ui", "--no-open", "--port", "0", *options])
    assert result.exit_code == 2, result.output
    return " ".join(result.output.split())


def test_case_a_workspace_of_a_newer_version_is_refused_at_the_start(tmp_path: Path) -> None:
    Workspace.open(tmp_path / "w").close()
    newer = sqlite3.connect(tmp_path / "w" / run_database.NAME)
    newer.execute(f"PRAGMA user_version = {run_database.SCHEMA_VERSION + 1}")
    newer.close()
    assert "newer Tonescope" in started("--workspace", str(tmp_path / "w"))


def test_case_a_workspace_that_cannot_be_written_is_refused_at_the_start() -> None:
    assert "cannot be written" in started("--workspace", "/proc/tonescope")


def test_case_a_model_that_cannot_be_loaded_is_refused_at_the_start(tmp_path: Path) -> None:
    own = ("--workspace", str(tmp_path / "w"))
    assert "no/such/folder" in started(*own, "--model", "no/such/folder")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{")
    said = started(*own, "--model", str(tmp_path / "model"))
    assert "config.json" in said and "Traceback" not in said


def test_parameters_that_are_no_json_object_are_told(asking: httpx.Client) -> None:
    for given in ([1], 3, None):
        assert refused(asking, "submit", "diagnose", given).endswith(".")
    assert asked(asking, "status", submitted(asking))["result"] is None


def test_a_run_that_goes_on_is_not_deleted_and_one_that_ended_is_gone_for_good(asking: httpx.Client) -> None:
    name = submitted(asking, takes=16, seconds=2.0)
    assert "not finished" in refused(asking, "delete", name)
    asked(asking, "cancel", name)
    assert ended(asking, name)["state"] == "stopped"
    assert asked(asking, "delete", name)["told"] == "Deleted for good."
    assert asking.get(f"/run/{name}/state").status_code == 404


def test_nobody_deletes_the_run_of_another(served: Serving, asking: httpx.Client) -> None:
    name = submitted(asking)
    ended(asking, name)
    with client(served) as other:
        other.get("/gradio_api/info")
        assert "somebody else" in refused(other, "delete", name)
    assert json.loads(asking.get(f"/run/{name}/state").text)["state"] == "done"
