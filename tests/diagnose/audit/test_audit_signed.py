"""What a release team signs: thresholds, signature, checklist, and shares against named figures."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnose.audit import planted_audit
from tests.diagnose.audit.planted_audit import DESIGN, PLANTED, redesigned, report
from tests.diagnose.confusion.planted_genres import SILENCE, record
from tonescope.diagnose.jobs.audit_job import JOB, NOT_PASSED
from tonescope.diagnose.report import audit_sentences, audit_views


def test_thresholds_give_pass_or_fail_and_the_exit_code(asked: dict[str, Any]) -> None:
    rules = "thresholds: {lowest_adherence: 0.5, largest_default: 0.7, most_findings: 0, largest_excluded: 0.01}\n"
    good = report(planted_audit.session({}, record(), default=""), redesigned(asked, DESIGN + rules))
    assert good.passed and JOB.exit_code(good) == 0 and [row.outcome for row in good.thresholds] == ["passed"] * 4
    bad = report(
        planted_audit.session(PLANTED, record(), default="techno"), asked | {"shards": asked["design"].parent / "b"}
    )
    outcomes = {row.name: row.outcome for row in bad.thresholds}
    assert outcomes["lowest_adherence"] == outcomes["most_findings"] == outcomes["largest_default"] == "failed"
    assert outcomes["largest_excluded"] == "passed" and JOB.exit_code(bad) == NOT_PASSED and bad.passed is False


def test_the_worst_genre_is_that_whose_interval_reaches_lowest_and_one_without_takes_hides_nothing(
    asked: dict[str, Any],
) -> None:
    planted = {"house": {SILENCE: 1.0}, "jazz": {"polka": 0.8}}
    rules = "thresholds: {lowest_adherence: 0.5}\n"
    made = report(planted_audit.session(planted, record(), default=""), redesigned(asked, DESIGN + rules))
    assert made.rows[0].asked == "house" and made.rows[0].matched.total == 0
    (row,) = made.thresholds
    assert row.where == "jazz" and row.outcome == "failed"
    assert {gap.worst for gap in made.gaps if gap.by == "genre"} == {"jazz"}
    told = [text for view in audit_views.views(made, None) for text, _ in view.sentences]
    assert audit_sentences.WORST in told


def test_levels_that_cannot_be_read_are_said_not_to_be_measured(asked: dict[str, Any]) -> None:
    made = report(planted_audit.session({}, record(), default=""), asked).model_copy(update={"unread": ["wobbly"]})
    (view,) = [view for view in audit_views.views(made, None) if view.key == "tempo"]
    assert view.sentences[0][0].startswith("Not measured: “wobbly”")


def test_a_signature_names_the_signer_the_day_and_hashes(asked: dict[str, Any]) -> None:
    session = planted_audit.session({}, record(), default="")
    made = report(session, asked, sign="A. Listener")
    sign = made.signature
    assert sign is not None and sign.name == "A. Listener" and sign.date == made.made
    assert (sign.design, sign.model) == (made.design.hash, session.generator.fingerprint())
    assert report(session, asked, sign="B").signature.takes == sign.takes  # type: ignore[union-attr]
    items = {row.item: row for row in made.checklist}
    assert items["signer"].there and not items["a human check: size, listeners' tradition, agreement"].there
    assert "missing" in items["intended use"].said
    again = items["raw numbers, sound, and the command that makes the report again"]
    assert not again.there and made.command == "no command: the models were made in memory"
    told = [text for view in audit_views.views(made, None) for text, _ in view.sentences]
    assert "No command: the models were made in memory." in told


def test_what_only_people_can_say_comes_from_the_design(asked: dict[str, Any]) -> None:
    text = DESIGN + "about: {intended_use: sketches for films, accepted_by: the board}\n"
    made = report(planted_audit.session({}, record(), default=""), redesigned(asked, text))
    items = {row.item: row for row in made.checklist}
    assert items["intended use"].said == "sketches for films" and items["who accepted it"].there


def test_shares_may_be_held_against_named_figures(asked: dict[str, Any]) -> None:
    text = DESIGN + "reference: {name: our catalogue, shares: {house: 0.5, jazz music: 0.5}}\n"
    made = report(planted_audit.session({}, record(), default="house"), redesigned(asked, text))
    rows = {row.genre: row for row in made.representation}
    assert rows["jazz"].flagged and not rows["house"].flagged and rows["house"].ratio.value == pytest.approx(2.0)
