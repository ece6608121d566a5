"""Gradio's sessions: bounded, but for those in which something would be missed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from tests import tiny
from tonescope.diagnose.store.workspace import Workspace
from tonescope.ui import server
from tonescope.ui.web.page_sessions import KEPT, PageSessions
from tonescope.ui.workshop import Workshop


def test_of_many_sessions_those_that_hold_something_and_the_latest_are_kept() -> None:
    last_used = {f"{at}": at for at in range(3 * KEPT)}
    sessions = PageSessions(last_used)
    for at in range(3 * KEPT):
        sessions[f"{at}"] = SimpleNamespace(state_data={1: ["a.wav"]} if at == 0 else {})
    assert len(sessions) == len(last_used) == KEPT and next(iter(sessions)) == "0"
    assert list(sessions)[1:] == [f"{at}" for at in range(2 * KEPT + 1, 3 * KEPT)]


def test_sessions_that_all_hold_something_are_all_kept() -> None:
    sessions = PageSessions({})
    for at in range(2 * KEPT):
        sessions[f"{at}"] = SimpleNamespace(state_data={1: at})
    assert len(sessions) == 2 * KEPT


def test_the_app_remembers_a_bounded_number_of_sessions(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as workspace:
        workshop = Workshop(tiny.session(), workspace)
        blocks = server.build(workshop)
        server._mounted(blocks, server.ServerOptions())
        for at in range(2 * KEPT):
            assert blocks.state_holder[f"{at}"].blocks_config is not None  # as gradio does for each call
        assert len(blocks.state_holder.session_data) == KEPT
        workshop.close()
