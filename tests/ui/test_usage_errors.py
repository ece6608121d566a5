"""Numbers that are none are refused in words for people, whoever read them: typer with pydantic, or by itself."""

from __future__ import annotations

import pytest
from typer import BadParameter
from typer.testing import CliRunner

from tests.ui.test_cli import assert_refused
from tonescope.ui.cli import app
from tonescope.ui.usage_errors import usage


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("diagnose", "house", "--takes", "lots"), "--takes needs a whole number from 1 to 256, not “lots”"),
        (("diagnose", "house", "--takes", "1.5"), "--takes needs a whole number from 1 to 256, not “1.5”"),
        (("diagnose", "house", "--seconds", "a"), "--seconds needs a number of more than 0 and at most 60, not “a”"),
        (("edit", "house", "x", "--strength", "a"), "--strength needs a number from -100 to 100, not “a”"),
        (("edit", "house", "x", "--steps", "a", "b"), "--steps needs a whole number"),
        (("suggest", "house", "--budget", "a"), "--budget needs a whole number from 20 to 2000, not “a”"),
        (("ui", "--port", "lots"), "--port needs a whole number, not “lots”"),
        (("diagnose", "house", "--takes", "9x" * 99), "9x9x…”"),
    ],
)
def test_case_a_number_that_is_none_is_refused_with_what_is_needed(arguments: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(app, list(arguments))
    assert_refused(result, told)
    assert "pars" not in result.output and "Input" not in result.output


def test_the_words_of_a_typer_that_reads_numbers_itself_are_known() -> None:
    class Option:
        opts = ("-t", "--takes")
        name = "takes"
        help = "How many. (1 to 8)"

    error = BadParameter("'lots' is not a valid integer.")
    error.param = Option()  # type: ignore[assignment]
    assert usage(error).partition(";")[0] == "--takes needs a whole number from 1 to 8, not “lots”"
