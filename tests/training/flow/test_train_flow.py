"""All stages, one after the other, at a size for tests: what is trained is played, heard, and written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.flow import tiny_flow
from tonescope.models.loading import load_generator
from training import train_flow
from training.flow import flow_codec
from training.flow.flow_codec import STAGES
from training.tables import genres
from training.train_flow import HISTORY, FlowRun, FlowSchedule, ship

MOMENT = 0.01  # minutes
SIZES = replace(tiny_flow.SIZES, pieces=1000)
SCHEDULE = FlowSchedule(
    words=MOMENT,
    codec=(replace(STAGES[0], minutes=MOMENT), replace(STAGES[1], minutes=MOMENT)),
    flow=MOMENT,
    lessons=6,
    validation=2,
    clips=3,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> FlowRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_codec, "HELD_OUT", 2)
        patch.setattr("training.flow.flow_words.CAPTIONED", 8)
        made = FlowRun(tmp_path_factory.mktemp("flow"), SIZES, SCHEDULE)
        made.go()
    return made


def test_every_stage_leaves_what_the_next_one_needs(run: FlowRun) -> None:
    left = {path.name for path in run.folder.iterdir()}
    assert {"words", "codec", "words-state.pt", "codec-state-1.pt", "codec-state-2.pt", "flow-state.pt"} <= left
    heard = [json.loads(line) for line in (run.folder / HISTORY).read_text(encoding="utf-8").splitlines()]
    assert heard[-1]["of"] == 2 * len(genres()) and heard[-1]["step"] > 0


def test_what_is_done_is_not_done_again(run: FlowRun) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.folder.glob("words/*")}
    again = FlowRun(run.folder, SIZES, SCHEDULE, left=1.0)
    again.words()
    again.codec()
    assert again.left == 1.0
    assert before == {path: path.stat().st_mtime_ns for path in run.folder.glob("words/*")}


def test_without_time_nothing_begins(tmp_path: Path) -> None:
    FlowRun(tmp_path, SIZES, SCHEDULE, left=0.0).go()
    assert not list(tmp_path.iterdir())


def test_it_is_written_with_its_card(run: FlowRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_flow, "learned_words", lambda: ["jazz"])
    monkeypatch.setattr(flow_codec, "HELD_OUT", 2)
    ship(run, tmp_path / "shipped", takes=1)
    assert load_generator(str(tmp_path / "shipped")).description.startswith("StableAudio3DiTModel, 2 layers")
    assert "## Planted facts" in (tmp_path / "shipped" / "README.md").read_text(encoding="utf-8")
