"""What ``diagnose`` prints: one screen, and all else with ``--details``."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.ui.test_cli import PROMPT, quick


def test_people_read_what_is_asked_heard_and_tested(folders: tuple[Path, Path]) -> None:
    first = quick(folders, PROMPT)
    assert first.exit_code == 0, first.output
    assert len(first.stdout.splitlines()) <= 24
    for part in ("You asked for", "Why ", "What to try next", "tonescope ", "Where to listen", "--out ", "--details"):
        assert part in first.stdout, part
    assert "log-odds" not in first.stdout
    details = quick(folders, PROMPT, "--details")
    assert details.exit_code == 0, details.output
    text = " ".join(details.stdout.split())
    for part in ("smooth jazz (asked)", "Why ", "below zero", "log-odds", "2 fresh takes", "random", "silenced"):
        assert part in text, part


def test_where_to_listen_is_the_report_that_was_written(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    text = " ".join(quick(folders, PROMPT, "--out", str(out)).stdout.split())
    assert "Where to listen Written to" in text and "report.htmlinabrowser" in text.replace(" ", "")
    assert text.count("Written to") == 1 and "--out" not in text.split("Where to listen")[1]


def test_what_can_be_pasted_names_the_models_that_were_used(folders: tuple[Path, Path]) -> None:
    lines = [line for line in quick(folders, PROMPT, "--takes", "1").stdout.splitlines() if line.startswith("  tone")]
    assert lines
    for line in lines:
        given = shlex.split(line)
        assert given[given.index("--model") + 1] == str(folders[0]) and "--judge" in given


def test_a_quick_diagnosis_is_read_without_units(folders: tuple[Path, Path]) -> None:
    text = " ".join(quick(folders, PROMPT, "--quick").stdout.split())
    assert "a quick look does not search for them" in text and "Look for the units" in text
