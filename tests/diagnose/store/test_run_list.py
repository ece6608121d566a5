"""The list of runs: whose they are, how they are found, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.store.run_list import Run, is_name, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


def ended(workspace: Workspace, title: str = "polka", owner: str = "", **about: object) -> Run:
    """A run that is done."""
    made = {"job": "diagnose", "parameters": {"prompt": title}, "title": title, "owner": owner, "state": "done"}
    return workspace.runs.add(Run(**{"name": new_name(), **made, **about}))  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was_put(workspace: Workspace) -> None:
    run = ended(workspace, "swing “jazz”\n\0é", "visitor", sentence="It is swing.", started=1.0, ended=3.5)
    assert workspace.runs.get(run.name) == run and run.seconds == 2.5
    assert Workspace.open(workspace.folder).runs.get(run.name) == run


def test_names_are_not_guessed_and_lead_nowhere_else() -> None:
    names = {new_name() for _ in range(2000)}
    assert len(names) == 2000 and all(map(is_name, names)) and all(name[0].isalnum() for name in names)
    assert min(map(len, names)) * 6 >= 96  # bits
    for bad in (
        "",
        "..",
        "../../etc/passwd",
        "a" * 15,
        "a" * 65,
        "-" + "a" * 20,
        "a" * 20 + "/",
        "é" * 20,
        "a" * 20 + "\0",
    ):
        assert not is_name(bad)


def test_a_name_that_is_none_finds_nothing_and_is_told(workspace: Workspace) -> None:
    for bad in ("", "../../etc/passwd", "' OR 1=1 --", new_name()):
        assert workspace.runs.find(bad) is None
        with pytest.raises(TonescopeError, match="there is no run"):
            workspace.runs.get(bad)


def test_each_owner_is_listed_alone_and_a_name_opens_everybodys(workspace: Workspace) -> None:
    mine, theirs = ended(workspace, owner="a"), ended(workspace, owner="b")
    assert [run.name for run in workspace.runs.page("a").runs] == [mine.name]
    assert {run.name for run in workspace.runs.page().runs} == {mine.name, theirs.name}
    assert workspace.runs.page("").runs == [] and workspace.runs.get(theirs.name) == theirs


def test_runs_of_several_owners_are_listed_together(workspace: Workspace) -> None:
    mine, machines, _ = (ended(workspace, owner=owner) for owner in ("a", "", "b"))
    page = workspace.runs.page(["a", ""])
    assert {run.name for run in page.runs} == {mine.name, machines.name} and page.total == 2


def test_runs_are_searched_by_title_and_sentence_in_any_script(workspace: Workspace) -> None:
    street = ended(workspace, "Straße 100%", sentence="4 of 4 takes are heard as ПОЛЬКА.")
    ended(workspace, "swing jazz", sentence="It is swing.")
    for words in ("strasse", "100%", "полька strasse", "  TAKES  "):
        assert [run.name for run in workspace.runs.page(search=words).runs] == [street.name], words
    for words in ("%", "_", "' OR 1=1 --", "strasse swing"):
        assert [run.title for run in workspace.runs.page(search=words).runs] == (
            ["Straße 100%"] if words == "%" else []
        )


def test_pages_follow_one_another_while_runs_are_added(workspace: Workspace) -> None:
    made = [ended(workspace, f"number {at}", created=100.0 + at // 2).name for at in range(7)]
    seen, before = [], None
    for _ in range(4):
        page = workspace.runs.page(before=before, most=2)
        seen += [run.name for run in page.runs]
        before = page.runs[-1].name
        assert page.more == (len(seen) < 7)
        ended(workspace, "newer", created=1000.0)
    assert set(seen[:7]) == set(made) and len(set(seen)) == 7
    created = [workspace.runs.get(name).created for name in seen]
    assert created == sorted(created, reverse=True)


def test_what_is_finished_stays_as_it_is(workspace: Workspace) -> None:
    run = ended(workspace)
    assert not workspace.runs.update(run.name, state="failed", problem="late")
    assert workspace.runs.get(run.name) == run


def test_a_sentence_that_comes_later_is_searched(workspace: Workspace) -> None:
    worker = workspace.worker()
    run = ended(workspace, "jazz", state="running", worker=worker.name)
    assert workspace.runs.update(run.name, sentence="It is Polka.")
    assert [found.name for found in workspace.runs.page(search="polka jazz").runs] == [run.name]
    worker.release()


def test_half_a_character_is_no_reason_to_lose_a_run(workspace: Workspace) -> None:
    run = ended(workspace, "jazz \udc80", parameters={"prompt": "jazz \udc80"})
    assert workspace.runs.get(run.name).title == "jazz ?"
    assert workspace.runs.page(search="\udc80").total == 1  # searched as it is written


def test_a_taken_name_is_refused(workspace: Workspace) -> None:
    run = ended(workspace)
    with pytest.raises(TonescopeError, match="already"):
        ended(workspace, name=run.name)
    with pytest.raises(TonescopeError, match="no name of a run"):
        ended(workspace, name="../x")
