"""What the judge itself mishears, does not know, or was not measured on is not the generator's."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.diagnose.audit import planted_audit
from tests.diagnose.audit.planted_audit import DESIGN, PLANTED, AuditedGenerator, found, redesigned, report
from tests.diagnose.confusion.planted_genres import LABELS, RATE, TONES, TonalJudge, record
from tonescope.diagnose.audit import audit_genres
from tonescope.diagnose.audit.known_folders import Known
from tonescope.diagnose.report import audit_sentences, audit_views
from tonescope.models.judges.calibration import ConfusionRecord


def test_what_the_judge_mishears_as_often_is_not_the_generators(asked: dict[str, Any]) -> None:
    wrong = record({("jazz", "polka"): 30})
    made = report(planted_audit.session({"jazz": {"polka": 1.0}}, wrong, default=""), asked)
    assert not made.findings
    control = next(row for row in made.control if row.genre == "jazz")
    assert control.right.count == 0 and control.heard == {"polka": 30}


def test_recordings_of_the_users_own_are_the_control_where_they_are_named(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rate = 10 * RATE
    time = np.arange(int(0.6 * rate)) / rate
    for label in LABELS:
        (tmp_path / "known" / label).mkdir(parents=True)
        tone = TONES["polka" if label == "jazz" else label]
        for number in range(12):
            sound = 0.5 * np.sin(2 * math.pi * tone * time + number)
            soundfile.write(tmp_path / "known" / label / f"{number}.wav", sound, rate)
    (tmp_path / "known" / "klezmer").mkdir()
    monkeypatch.setattr(AuditedGenerator, "round_trip", lambda self, sound: sound, raising=False)
    session = planted_audit.session({"jazz": {"polka": 1.0}}, default="")
    made = report(session, asked, known=tmp_path / "known")
    assert "jazz" not in {where for _, where, _ in found(made)}
    assert {row.genre: row.right.count for row in made.control} == {
        label: 0 if label == "jazz" else 12 for label in LABELS
    }
    assert any("klezmer" in caveat for caveat in made.caveats) and made.control_source == str(tmp_path / "known")
    errors = {row.asked: row.judge_error for row in made.rows}
    assert errors["jazz"] is not None and errors["jazz"].count == errors["jazz"].total == 12
    verdicts = {row.asked: row.verdict for row in made.rows}
    assert verdicts["jazz"] == "unclear"  # and no drift: the judge hears known jazz so, too


def test_known_recordings_of_some_genres_stand_beside_the_judges_own_record(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Known({"jazz": {"polka": 12}})
    monkeypatch.setattr("tonescope.diagnose.audit.audit.hear_known", lambda *_: known)
    (tmp_path / "mine").mkdir()
    made = report(planted_audit.session({}, record(), default=""), asked, known=tmp_path / "mine")
    sources = {row.genre: row.source for row in made.control}
    assert sources.pop("jazz") == str(tmp_path / "mine") and set(sources.values()) == {"the judge's own record"}
    assert "mine (jazz)" in made.control_source and "the judge's own record (house, " in made.control_source
    alone = report(planted_audit.session({}, default=""), asked, known=tmp_path / "mine")
    assert [row.genre for row in alone.control] == ["jazz"] and not alone.correction.used  # type: ignore[union-attr]
    assert [row.genre for row in alone.representation if row.measured] in ([], ["jazz"])


def test_a_judge_of_another_domain_flags_nothing_and_decides_no_threshold(asked: dict[str, Any]) -> None:
    words = {"accordion": "polka"}
    session = planted_audit.session(PLANTED, record(), "somebody's pieces", words=words, default="techno")
    rules = "thresholds: {lowest_adherence: 0.5, largest_default: 0.1, largest_excluded: 0.01}\n"
    made = report(session, redesigned(asked, DESIGN + rules))
    assert not made.findings and any("somebody's pieces" in caveat for caveat in made.caveats)
    assert made.defaults is not None and made.defaults.top_share.low > 0.5 and not made.defaults.flagged
    assert {row.name: row.outcome for row in made.thresholds} == {
        "lowest_adherence": "undecided",
        "largest_default": "undecided",
        "largest_excluded": "passed",
    }
    assert all(row.corrected is None and row.corrected_family is None for row in made.rows)


def test_nothing_is_heard_too_seldom_where_the_judge_was_not_measured(asked: dict[str, Any]) -> None:
    """What is planted may as well be the judge's mishearing; of the genres that have clips it is told."""
    planted = {"jazz": {"polka": 1.0}, "house": {"techno": 0.8}}
    unmeasured = report(planted_audit.session(planted, default=""), asked)
    assert not any(row.measured or row.flagged for row in unmeasured.representation)
    assert not any(finding.kind == "under-represented" for finding in unmeasured.findings)
    rows = zip(LABELS, record().clean, strict=True)
    table = tuple((0,) * 6 if label == "jazz" else row for label, row in rows)
    session = planted_audit.session(planted, ConfusionRecord(LABELS, table, (), 0.0), default="")
    rules = DESIGN + "thresholds: {smallest_ratio: 0.1}\n"
    partly = report(session, redesigned(asked, rules))
    (row,) = partly.thresholds
    assert row.outcome == "undecided" and row.where == "house; 1 not measured"
    flagged = {row.genre: (row.measured, row.flagged) for row in partly.representation}
    assert flagged["jazz"] == (False, False) and flagged["house"] == (True, True)
    assert any("Nothing is said to be heard too seldom of jazz: " in caveat for caveat in partly.caveats)
    assert "How often the judge mishears jazz was not measured" in audit_sentences.reference(partly)
    assert "allowed for" in audit_sentences.reference(partly)
    assert "allowed for" not in audit_sentences.reference(unmeasured)


def test_what_the_judge_mishears_is_allowed_for_genre_by_genre(asked: dict[str, Any]) -> None:
    """It hears two thirds of jazz as polka, and has no clips of waltz: jazz is still held against what it can hear."""
    rows = zip(LABELS, record({("jazz", "polka"): 20}).clean, strict=True)
    table = tuple((0,) * 6 if label == "waltz" else row for label, row in rows)
    measured = ConfusionRecord(LABELS, table, (), 0.0)
    made = report(planted_audit.session({"jazz": {"polka": 2 / 3}}, measured, default=""), asked)
    ratios = {row.genre: row.ratio.value for row in made.representation}
    assert 0.6 < ratios["jazz"] < 1.6 and not any(row.flagged for row in made.representation)


def test_takes_without_a_clear_genre_make_no_genre_rare() -> None:
    """Half of the takes are unclear, of all genres alike."""
    counts = np.array([[6.0, 0, 6], [0, 6, 6]])
    rows = audit_genres.representation_rows(
        counts, np.array([0, 1]), audit_genres.as_asked(counts, np.array([0, 1])), 30 * np.eye(2, dtype=int), ("a", "b")
    )
    assert [row.ratio.value for row in rows] == pytest.approx([1.0, 1.0]) and not any(row.flagged for row in rows)
    assert [row.share.total for row in rows] == [12, 12]


def test_a_second_judge_listens_and_their_agreement_is_told(asked: dict[str, Any]) -> None:
    session = planted_audit.session(PLANTED, record(), default="")
    deaf = TonalJudge(name="deaf", labels=("house", "techno", "jazz"))
    made = report(replace(session, second=deaf), asked)  # type: ignore[arg-type]
    assert made.second is not None and made.second.name == "deaf" and made.agreement is not None
    assert made.agreement.compared == made.design.takes
    items = {row.item: row.there for row in made.checklist}
    assert items["a second judge, with their agreement"]
    assert any(view.key == "agreement" for view in audit_views.views(made, None))
    itself = report(replace(session, second=session.judge), asked)
    assert itself.agreement is not None and itself.agreement.kappa == pytest.approx(1.0)
    pair = next(pair for pair in itself.pairs if pair.asked == "jazz")
    assert pair.second is not None and pair.second.count == pair.second.total == pair.share.count
    alone = report(session, asked)
    assert (
        alone.agreement is None
        and not {row.item: row.there for row in alone.checklist}["a second judge, with their agreement"]
    )
