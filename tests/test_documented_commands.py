"""Commands that the documentation shows are taken as they are printed, and none is missing."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from pydantic import BaseModel
from typer.main import get_command
from typer.testing import CliRunner

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.index_options import IndexOptions
from tonescope.diagnose.jobs.job_registry import Row
from tonescope.ui.cli import app, run_job

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "docs/commands.md", "docs/app.md", "examples/README.md")]
SOUNDS = ("song.mp3", "my.wav")
FOLDERS = ("my-clips", "my-fusion-clips", "my-recordings", "my-catalogue", "takes", "takes-of-may", "takes-of-june")
ADAPTERS = ("my-lora",)
REQUESTS = "prompt,file\nhouse,house.wav\n"


def shown(document: Path) -> Iterator[list[str]]:
    """The words of every command that stands in a block of code, or in the text."""
    text = document.read_text(encoding="utf-8")
    for block in re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            for part in line.removeprefix("$").strip().split(" && "):
                if part.startswith("tonescope "):
                    yield shlex.split(part, comments=True)[1:]


COMMANDS = {" ".join(words): words for document in DOCUMENTS for words in shown(document)}


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A folder with the files that are named, and jobs that end where models would be opened: the names of such."""
    monkeypatch.chdir(tmp_path)
    for folder in FOLDERS:
        (tmp_path / folder / "house").mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    for sound in (*SOUNDS, *(f"{folder}/{place}a.wav" for folder in FOLDERS for place in ("", "house/"))):
        soundfile.write(tmp_path / sound, noise, 8000, format="WAV")
    for adapter in ADAPTERS:
        (tmp_path / adapter).mkdir()
        (tmp_path / adapter / "adapter_config.json").write_text("{}")
    for table in ("prompts.csv", "requests.csv"):
        (tmp_path / table).write_text(REQUESTS)
    shutil.copy(ROOT / "diagnose/audit/default_design.yaml", tmp_path / "mine.yaml")
    done: list[str] = []

    def check(row: Row, parameters: BaseModel, models: Any, _: Any) -> None:
        job = row.load()
        job.check(parameters)
        models.check_places(job.places(parameters))
        done.append(row.name)

    monkeypatch.setattr(run_job, "run_job", check)
    monkeypatch.setattr(IndexOptions, "check_any_index", lambda _: None)  # none was built here
    return done


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_is_shown_is_taken_as_it_is_printed(words: list[str], checked: list[str]) -> None:
    jobs = {(row.group, row.name) for row in job_registry.ROWS}
    is_job = ("", words[0]) in jobs or tuple(words[:2]) in jobs
    result = CliRunner().invoke(app, words if is_job else [*words, "--help"])  # help comes after unknown options
    assert result.exit_code == 0, result.output
    assert len(checked) == is_job


def test_every_command_is_in_the_table_of_the_readme_and_has_an_example() -> None:
    there = set(get_command(app).list_commands(None))  # type: ignore[attr-defined, arg-type]
    readme = DOCUMENTS[0].read_text(encoding="utf-8")
    table = readme[readme.index("| to | command") : readme.index("## What is claimed")]
    told = {name for row in table.splitlines()[2:] for name in re.findall(r"`([a-z]+)`", f"{row}||".split("|")[2])}
    assert told == there
    assert {words[0] for words in COMMANDS.values()} == there


def test_every_function_for_programs_is_in_the_documentation() -> None:
    text = (ROOT / "docs/app.md").read_text(encoding="utf-8")
    rows = [row for row in text[text.index("| function |") : text.index("`lint` answers")].splitlines() if row][2:]
    told = {name for row in rows for name in re.findall(r"`([a-z]+)`", row.split("|")[1])}
    code = "".join((ROOT / f"ui/components/{name}.py").read_text() for name in ("run_api", "unit_api", "prompt_api"))
    offered = re.findall(r"for function in \((.+?)\):|^    return ([a-z, ]+)$", code, re.MULTILINE)
    assert told == {
        name for pair in offered for name in re.findall(r"[a-z]+", "".join(pair).replace("*of_prompts", ""))
    }
