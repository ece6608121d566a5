"""Compare: comparisons that were run are listed for whose they are."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import gradio as gr
import pytest

from tests import tiny
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError
from tonescope.ui import server
from tonescope.ui.components import asking
from tonescope.ui.pages import side_by_side
from tonescope.ui.server import ServerOptions
from tonescope.ui.web.address import Listening
from tonescope.ui.workshop import Workshop


@pytest.mark.parametrize("is_for_one", [True, False])
def test_comparisons_of_the_command_line_are_listed_for_who_has_the_machine(tmp_path: Path, is_for_one: bool) -> None:
    assert os.environ["TONESCOPE_WORKSPACE"]
    with Workspace.open(tmp_path) as workspace:
        workshop = Workshop(tiny.session(), workspace, is_for_one=is_for_one)
        workspace.runs.add(Run(new_name(), "compare", {}, title="<a>", sentence="what", state="done"))
        with gr.Blocks() as blocks:
            side_by_side.build(workshop)
        named = {function.fn.__name__: function.fn for function in blocks.fns.values() if function.fn is not None}
        assert ("start" in named) == is_for_one  # models and folders of the machine are compared for nobody else
        listed = named["listed"]
        shown = listed(None)
        assert ("&lt;a&gt;" in shown) == is_for_one and ("No comparison was made yet" in shown) != is_for_one
        workshop.close()


@pytest.mark.parametrize(
    ("options", "is_for_one"),
    [
        (ServerOptions(), True),
        (ServerOptions(root_path="/music"), False),
        (ServerOptions(allowed_hosts=("a.org",)), False),
    ],
)
def test_a_server_is_for_one_only_where_nobody_else_can_reach_it(
    tmp_path: Path, options: ServerOptions, is_for_one: bool
) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        workshop = Workshop(tiny.session(), workspace)
        server.app(workshop.session, options, folder=tmp_path, workshop=workshop)
        assert workshop.is_for_one == is_for_one
        workshop.close()


@pytest.mark.parametrize("is_local", [True, False])
def test_a_server_that_others_of_the_network_reach_is_not_for_one(tmp_path: Path, is_local: bool) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        workshop, listening = Workshop(tiny.session(), workspace), cast(Listening, SimpleNamespace(is_local=is_local))
        server.app(workshop.session, folder=tmp_path, listening=listening, workshop=workshop)
        assert workshop.is_for_one == is_local
        workshop.close()


def test_a_comparison_is_started_from_the_page_and_what_it_cannot_use_is_told(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w") as workspace:
        workshop = Workshop(tiny.session(), workspace, memory_gib=1e-7, is_for_one=True)
        with gr.Blocks() as blocks:
            side_by_side.build(workshop)
        start = next(each.fn for each in blocks.fns.values() if each.fn is not None and each.fn.__name__ == "start")
        usual = [each.value for each in blocks.blocks.values() if getattr(each, "elem_id", None) == "field-first"]
        name, told, *_ = start(SimpleNamespace(), "embedded", "", "2", "1", False)
        assert usual == [""] and not name and "names is empty" in told
        name, told, *_ = start(SimpleNamespace(), "embedded", str(tmp_path / "nothing"), "many", "1", False)
        assert not name
        name, told, *beside = start(SimpleNamespace(), "embedded", "/nowhere", "2", "1", True)
        run = workspace.runs.get(name)
        assert not told and not any(beside) and run.job == "compare" and run.parameters["outside"]
        assert run.title == "embedded and /nowhere"
        workshop.queue.cancel(name)
        workshop.is_for_one = False
        with pytest.raises(TonescopeError, match="command line"):
            asking.derived(workshop, run.owner, name, "again", "")
        workshop.close()
