"""Stages and times as people read them."""

from __future__ import annotations

from tonescope.diagnose.jobs.diagnosis import STAGES as OF_A_DIAGNOSIS
from tonescope.diagnose.report.labels import STAGES, stage_told
from tonescope.diagnose.report.shared_views import timings


def test_every_stage_of_a_diagnosis_has_a_plain_name() -> None:
    assert {name for name, *_ in OF_A_DIAGNOSIS} <= set(STAGES)
    assert stage_told("search (about 3.0 GiB)") == "mute units one by one (about 3.0 GiB)"
    assert stage_told("count units") == "count units"


def test_totals_stand_after_the_stages() -> None:
    rows = timings({"verify": 1.0, "until the first finding": 2.0, "in all": 9.0, "write": 3.0}).tables[0].rows
    assert [name for name, _ in rows] == ["play fresh takes", "write", "until the first finding", "in all"]
