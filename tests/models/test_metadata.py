"""What a folder says about itself is held to what it can mean: a record that nobody measured is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models.ruined import refused
from tonescope.models import metadata
from tonescope.models.loading import EMBEDDED, find

LABELS = [{"label": "house", "family": "electronic"}, {"label": "jazz", "family": "jazz"}]
RECORD = {"clean": [[3, 1], [0, 4]], "reconstructed": [[2, 2], [1, 3]], "calibration_error": 0.05}


def say(folder: Path, text: str) -> None:
    (folder / metadata.METADATA_FILE).write_text(text, encoding="utf-8")


def test_a_record_that_makes_sense_is_read(tmp_path: Path) -> None:
    say(tmp_path, json.dumps({"labels": LABELS, "record": RECORD, "bias": [0, -1.5], "meaning": 1}))
    read = metadata.read(tmp_path)
    assert read.record is not None and read.record.clean == ((3, 1), (0, 4)) and read.bias == [0.0, -1.5]
    assert metadata.read(find(EMBEDDED, "judge")).record is not None
    assert metadata.read(find(EMBEDDED, "generator")).words


@pytest.mark.parametrize("field", ["clean", "reconstructed"])
@pytest.mark.parametrize("count", [-1, 1.5, "3", True, None, 10**400])
def test_a_judges_record_with_negative_counts(tmp_path: Path, field: str, count: Any) -> None:
    say(tmp_path, json.dumps({"labels": LABELS, "record": {**RECORD, field: [[3, count], [0, 4]]}}))
    refused(lambda: metadata.read(tmp_path), field)


def test_a_record_without_clips_was_not_measured(tmp_path: Path) -> None:
    say(tmp_path, json.dumps({"labels": LABELS, "record": {**RECORD, "clean": [[0, 0], [0, 4]]}}))
    refused(lambda: metadata.read(tmp_path), "record.clean", "house")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("meaning", "-5"),
        ("meaning", "1.5"),
        ("meaning", "NaN"),
        ("meaning", '"0.8"'),
        ("meaning_record", '{"read": 2, "right": 3, "scenes": 1, "scenes_read": 0}'),
        ("meaning_record", '{"read": -1, "right": -1, "scenes": 1, "scenes_read": 0}'),
        ("meaning_record", '{"read": 1}'),
        ("temperature", "Infinity"),
        ("temperature", "1e-300"),
        ("temperature", "-1"),
        ("longest_seconds", "1e300"),
        ("longest_seconds", "NaN"),
        ("bias", "[0, Infinity]"),
        ("bias", "[0, 1e300]"),
        ("words", "[1]"),
        ("domain", "5"),
        ("templates", '["{} {"]'),
        ("templates", '["{} }"]'),
        ("templates", '["{0}"]'),
        ("templates", '[""]'),
    ],
)
def test_a_meaning_of_minus_5_and_other_numbers_that_are_none(tmp_path: Path, field: str, value: str) -> None:
    say(tmp_path, f'{{"labels": {json.dumps(LABELS)}, "{field}": {value}}}')
    refused(lambda: metadata.read(tmp_path), field.removesuffix("s"))


@pytest.mark.parametrize("error", ["-0.1", "1.1", "NaN"])
def test_a_calibration_error_is_a_share(tmp_path: Path, error: str) -> None:
    record = json.dumps({**RECORD, "calibration_error": 0.5}).replace("0.5", error)
    say(tmp_path, f'{{"labels": {json.dumps(LABELS)}, "record": {record}}}')
    refused(lambda: metadata.read(tmp_path), "calibration_error")


@pytest.mark.parametrize("other", ["house", "house ", "HOUSE", "ｈｏｕｓｅ", "  House"])
def test_labels_house_and_house(tmp_path: Path, other: str) -> None:
    say(tmp_path, json.dumps({"labels": [{"label": "House", "family": "a"}, {"label": other, "family": "b"}]}))
    refused(lambda: metadata.read(tmp_path), "labels", "more than once")


@pytest.mark.parametrize("name", ["", "   ", "\n", "\u200b", "a\x1b[2J", "x" * 500, 5, None])
@pytest.mark.parametrize("field", ["label", "family", "aliases"])
def test_names_that_are_empty_or_none(tmp_path: Path, field: str, name: Any) -> None:
    row = {**LABELS[0], field: [name] if field == "aliases" else name}
    say(tmp_path, json.dumps({"labels": [row, LABELS[1]]}))
    assert "\x1b" not in refused(lambda: metadata.read(tmp_path), field)


def test_a_name_of_two_labels(tmp_path: Path) -> None:
    say(tmp_path, json.dumps({"labels": [{**LABELS[0], "aliases": ["Jazz"]}, LABELS[1]]}))
    refused(lambda: metadata.read(tmp_path), "a name of", "house", "jazz")
