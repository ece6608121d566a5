"""The fields of an edit: all that the command line can, and what was not touched is what is usual."""

from __future__ import annotations

import json
from typing import get_args

from tonescope.diagnose.intervene.edit_kinds import Branch, Kind
from tonescope.diagnose.jobs.experiment_job import ExperimentParameters
from tonescope.ui.components.asking import OF_THE_SERVER
from tonescope.ui.components.edit_fields import BRANCHES, ELSEWHERE, KINDS, edit_fields, read


def test_every_parameter_of_the_command_line_has_a_field() -> None:
    names = {field.name for field in edit_fields({}, [], OF_THE_SERVER)}
    assert names | {*ELSEWHERE, *OF_THE_SERVER} >= set(ExperimentParameters.model_fields)


def test_every_kind_and_branch_can_be_chosen() -> None:
    assert set(KINDS) == set(get_args(Kind)) and set(BRANCHES) == set(get_args(Branch))


def test_what_is_not_touched_is_what_is_usual_and_what_the_run_had() -> None:
    fields = edit_fields({"takes": 3, "seconds": 1.5, "foil": "house"}, ["house"], OF_THE_SERVER)
    typed = {field.name: field.value for field in fields}
    given = {name: value for name, value in read(json.dumps(typed)).items() if value is not None}
    usual = ExperimentParameters(prompt="x", where=["a:1"], takes=3, seconds=1.5, foil="house")
    assert ExperimentParameters(prompt="x", where=["a:1"], **given) == usual
