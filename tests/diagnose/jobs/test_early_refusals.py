"""What needs no model to be refused is refused before one is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tonescope.diagnose.jobs import experiment_job, find_job, listen_job, show_job
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.unit_index import index_place
from tonescope.models.errors import TonescopeError

EDIT: dict[str, Any] = {"prompt": "house", "where": ["decoder.1.mlp:1"]}


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"kind": "bogus"}, "“bogus” is no kind of an edit; use zero, mean"),
        ({"branch": "left"}, "“left” is no branch of an edit; use both"),
        ({"kind": "patch"}, "name that prompt with --source"),
        ({"kind": "zero", "source": "techno"}, "takes nothing from a source"),
        ({"kind": "resample", "takes": 1}, "ask for 2 takes or more"),
    ],
)
def test_case_an_edit_that_no_model_can_make_is_refused_by_its_form(about: dict[str, Any], told: str) -> None:
    with pytest.raises(TonescopeError, match=told):
        experiment_job.JOB.check(made(experiment_job.ExperimentParameters, EDIT | about))
    experiment_job.JOB.check(made(experiment_job.ExperimentParameters, EDIT))


def test_case_without_any_index_nothing_is_found_and_what_needs_none_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_place, "cache_folder", lambda: tmp_path)
    find = made(find_job.FindParameters, {"query": "kick"})
    show = made(show_job.ShowParameters, {"place": "decoder.1.mlp:3"})
    with pytest.raises(TonescopeError, match="no index was built here"):
        find_job.JOB.check(find)
    for asked in (show, made(show_job.ShowParameters, {})):
        show_job.JOB.check(asked)
    kept = index_place.index_root() / "one"
    kept.mkdir(parents=True)
    (kept / index_place.ABOUT).write_text("{}")
    find_job.JOB.check(find)


def test_case_a_file_that_is_not_there_is_not_listened_to(tmp_path: Path) -> None:
    asked = made(listen_job.ListenParameters, {"files": [str(tmp_path / "nosuch.mp3")]})
    with pytest.raises(TonescopeError, match=r"nothing could be heard: nosuch\.mp3 \(there is no such file"):
        listen_job.JOB.check(asked)
