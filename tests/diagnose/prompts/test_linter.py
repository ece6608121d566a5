"""The linter takes any prompt, is quick, and offers what is left without what it found."""

from __future__ import annotations

import time

import pytest

from tests import tiny
from tonescope.diagnose.prompts.linter import lint
from tonescope.diagnose.prompts.rules.rule_checks import Reading
from tonescope.diagnose.taxonomy import common
from tonescope.models.generator import Text


def read(prompt: str, text: Text | None = None) -> Reading:
    return Reading(prompt, common(), common().labels, text)


@pytest.mark.parametrize(
    ("prompt", "rule"),
    [("a", "no-genre"), ("?!…", "no-word"), ("x" * 20_000, "too-long"), ("house " * 100, "too-long")],
    ids=["one character", "only punctuation", "20,000 characters", "many words"],
)
def test_case_any_prompt_gets_an_answer_and_no_refusal(prompt: str, rule: str) -> None:
    assert rule in {finding.rule for finding in lint(read(prompt))}


def test_case_a_script_that_the_tokenizer_does_not_know_is_said() -> None:
    generator, prompt = tiny.generator(), "ジャズ house"
    found = [
        finding for finding in lint(read(prompt, generator.read_text([prompt]))) if finding.rule == "unread-letters"
    ]
    assert [finding.what for finding in found] == ["ジャズ"]
    assert not [one for one in lint(read("house", generator.read_text(["house"]))) if one.rule == "unread-letters"]


def test_what_may_be_left_out_is_offered_without_it() -> None:
    by_rule = {finding.rule: finding.instead for finding in lint(read("house with piano, masterpiece, no drums"))}
    assert by_rule["negation"] == "house with piano, masterpiece"
    assert by_rule["superstition"] == "house with piano, no drums"


def test_what_matters_most_comes_first() -> None:
    levels = [finding.level for finding in lint(read("house, polka, masterpiece with vocals"))]
    assert levels == sorted(levels, key=["problem", "warning", "note"].index) and len(set(levels)) == 3


def test_a_prompt_is_looked_at_in_milliseconds() -> None:
    prompts = [f"dark techno number {at}, with distorted guitars, no drums, masterpiece, 140 bpm" for at in range(20)]
    lint(read("warm up, house"))
    spent = []
    for prompt in prompts:
        started = time.process_time()
        lint(read(prompt))
        spent.append(time.process_time() - started)
    assert sorted(spent)[len(spent) // 2] < 0.02  # 5 ms where nothing else runs; benchmarks/repair.py measures it
