"""What counts as a false alarm of an audit of planted facts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from benchmarks.planted_facts import Planted, false_alarms
from tonescope.diagnose.audit.audit_schema import Finding, Value
from tonescope.diagnose.stats import Interval

EFFECT = Value(value=0.5, interval=Interval(low=0.4, high=0.6))
FACTS = [Planted("a", "confusion", "house", "techno"), Planted("b", "under-represented", "polka")]


def finding(where: str, heard: str = "", kind: Any = "confusion") -> Finding:
    return Finding(kind=kind, where=where, heard=heard, sentence="", effect=EFFECT)


def alarms(*found: Finding, also: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    report: Any = SimpleNamespace(findings=list(found))
    return [(each.where, each.heard) for each in false_alarms(report, ["ambient", "metal"], FACTS, also)]


def test_a_control_genre_that_is_accused_or_heard_instead_is_a_false_alarm() -> None:
    assert alarms(finding("ambient", "house"), finding("house", "metal")) == [("ambient", "house"), ("house", "metal")]


def test_what_was_planted_and_what_is_of_other_genres_is_none() -> None:
    assert (
        alarms(finding("house", "techno"), finding("jazz", "polka"), finding("polka", kind="under-represented")) == []
    )
    planted = [Planted("c", "confusion", "house", "metal")]
    report: Any = SimpleNamespace(findings=[finding("house", "metal")])
    assert not list(false_alarms(report, ["metal"], planted))
    assert alarms(finding("ambient", "house"), also=("ambient",)) == []
