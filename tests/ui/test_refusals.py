"""What cannot be done is refused in one sentence, before anything heavy is loaded where that can be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.ui.test_cli import PROMPT, assert_refused, quick, run
from tonescope.diagnose.runtime.session import Session


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], ["empty"]),
        (["   "], ["empty"]),
        (["x" * 20_000], ["20000 characters"]),
        (["🎷🎹"], ["no word"]),
        ([PROMPT, "--takes", "0"], ["takes"]),
        ([PROMPT, "--takes", "100000"], ["takes"]),
        ([PROMPT, "--seconds", "-1"], ["seconds"]),
        ([PROMPT, "--seconds", "nan"], ["seconds"]),
        ([PROMPT, "--guidance", "-3"], ["guidance"]),
        ([PROMPT, "--guidance", "0.5"], ["guidance", "1 to 20", "1 is none"]),
        ([PROMPT, "--seconds", "0.02"], ["too short", "at least"]),
        ([PROMPT, "--memory", "0"], ["0 GiB"]),
        ([PROMPT, "--memory", "0.0001"], ["needs about", "--memory"]),
        ([PROMPT, "--test-units", "-1"], ["units"]),
        (["a " * 900], ["tokens long", "shorten"]),
        ([PROMPT, "--seed", "-3"], ["seed"]),
        ([PROMPT, "--model", "nowhere"], ["no generator", "nowhere"]),
        ([PROMPT, "--model", "/no/such/folder"], ["no generator"]),
        ([PROMPT, "--model", "owner/name"], ["owner/name", "could not be loaded"]),
        ([PROMPT, "--against", "skiffle"], ["skiffle", "knows"]),
        ([PROMPT, "--intended", "skiffle"], ["skiffle", "knows"]),
        ([PROMPT, "--device", "teapot"], ["teapot"]),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else str(value),
)
def test_bad_input_gets_one_sentence(folders: tuple[Path, Path], arguments: list[str], words: list[str]) -> None:
    base = [] if "--model" in arguments else ["--model", str(folders[0]), "--judge", str(folders[1])]
    assert_refused(run(*base, *arguments), *words)


@pytest.mark.parametrize(
    "option",
    ["--out", "--known", "--adapter", "--judge", "--model", "--device", "--dtype", "--against", "--intended"],
)
@pytest.mark.parametrize("blank", ["", "  "])
def test_case_an_empty_variable_of_the_shell_is_no_value(
    option: str, blank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Session, "open")
    assert_refused(run(PROMPT, option, blank), f"{option} was given nothing")


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--seed", "18446744073709551616", "0 to 1000000000000000000"),
        ("--seed", "18446744073709551615", "0 to 1000000000000000000"),
        ("--dose", "1e300", "0 to 100"),
        ("--memory", "1e300", "at most 1000000"),
        ("--top-k", "99999999999999999999", "0 to 1000000"),
        ("--temperature", "1e300", "0 to 5"),
        ("--guidance", "1e300", "1 to 20"),
        ("--seconds", "1e300", "at most 60"),
        ("--share", "1e300", "at most 0.5"),
        ("--rounds", "9" * 40, "1 to 16"),
        ("--refine", "9" * 40, "0 to 1000"),
        ("--test-units", "9" * 40, "0 to 200"),
        ("--takes", "-1", "1 to 256"),
    ],
)
def test_case_a_number_that_is_too_large_is_refused_with_its_range(
    option: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Session, "open")
    assert_refused(run(PROMPT, option, value), told)


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--memory", "inf", "GiB"),
        ("--test-words", "-1", "words cannot be verified"),
        ("--test-units", "9999", "units cannot be verified"),
        ("--refine", "-1", "estimated more closely"),
        ("--model", "x" * 5000, "no generator called"),
        ("--model", "~nosuchuser/x", "so no generator"),
        ("--device", "meta", "cannot be used"),
        ("--device", "brass", "cannot be used"),
        ("--judge", "nosuch/judge", "nosuch/judge could not be loaded"),
    ],
)
def test_odd_values_of_options(folders: tuple[Path, Path], option: str, value: str, word: str) -> None:
    assert_refused(quick(folders, PROMPT, option, value), word)


def test_a_prompt_that_is_no_text(folders: tuple[Path, Path]) -> None:
    assert_refused(quick(folders, "house \udcff"), "no text")


def test_a_broken_side_file(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for content in ("{", "[1]", '{"labels": [1]}', '{"temperature": 0}'):
        copy = tmp_path / str(len(content))
        shutil.copytree(folders[1], copy)
        (copy / "tonescope.json").write_text(content)
        assert_refused(run(PROMPT, "--model", str(folders[0]), "--judge", str(copy)), "tonescope.json")
