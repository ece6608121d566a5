"""Who has the machine finds what was run on its command line, too; nobody else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.store.test_run_list import ended
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError
from tonescope.ui.workshop import Workshop


@pytest.mark.parametrize("is_for_one", [True, False])
def test_runs_of_the_command_line_are_those_of_who_has_the_machine(tmp_path: Path, is_for_one: bool) -> None:
    with Workspace.open(tmp_path / "workspace") as workspace:
        workshop = Workshop(tiny.session(), workspace, is_for_one=is_for_one)
        machines, theirs = ended(workspace), ended(workspace, owner="visitor:b")
        found = {run.name for run in workspace.runs.page(workshop.owners("visitor:a")).runs}
        assert found == ({machines.name} if is_for_one else set())
        assert workshop.acting("visitor:a", theirs.name) == "visitor:a"
        if is_for_one:
            workspace.delete(machines.name, workshop.acting("visitor:a", machines.name))
            assert workspace.runs.page().total == 1
        else:
            with pytest.raises(TonescopeError, match="somebody else"):
                workspace.delete(machines.name, workshop.acting("visitor:a", machines.name))
        workshop.close()
