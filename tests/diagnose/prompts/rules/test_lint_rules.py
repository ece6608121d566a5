"""Every rule finds something in its own test prompt, nothing in the clean one, and says what is known of its effect."""

from __future__ import annotations

import pytest

from tonescope.diagnose.prompts.linter import lint
from tonescope.diagnose.prompts.rules.lint_rules import Rule, RuleEffect, RuleEffects, rule_book
from tonescope.diagnose.prompts.rules.rule_checks import CHECKS, Reading
from tonescope.diagnose.stats import effect, share
from tonescope.diagnose.taxonomy import common
from tonescope.models.vocabulary import Vocabulary

WORDS = Vocabulary(frozenset(["house", "with", "piano", "drums", "bass", "jazz", "techno", "a", "lovely", "song"]))
NEEDS_TOKENS = {"unread-letters", "unreadable"}


def read(prompt: str, vocabulary: Vocabulary | None = WORDS) -> Reading:
    return Reading(prompt, common(), common().labels, vocabulary=vocabulary)


def found(rule: str, prompt: str) -> list[str]:
    return [finding.what for finding in lint(read(prompt)) if finding.rule == rule]


RULES = [rule for rule in rule_book().rules if rule.id not in NEEDS_TOKENS]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_its_test_prompt_and_leaves_the_clean_one(rule: Rule) -> None:
    assert found(rule.id, rule.test), rule.test
    assert not found(rule.id, rule.clean), rule.clean


def test_every_rule_has_a_check_or_a_pattern_and_measured_ones_have_pairs() -> None:
    rules = rule_book().rules
    assert len({rule.id for rule in rules}) == len(rules) >= 11
    for rule in rules:
        assert (rule.pattern is None) != (rule.check is None) and (rule.check is None or rule.check in CHECKS)
        assert bool(rule.pairs) == (rule.basis == "measured"), rule.id
        assert all(label in prompt or rule.id == "no-genre" for prompt, _, label in rule.pairs)


@pytest.mark.parametrize(
    ("rule", "prompt", "what"),
    [
        ("superstition", "techno, MASTERPIECE, 320 kbps", ["MASTERPIECE", "320 kbps"]),
        ("superstition", "techno at 140 bpm", []),
        ("negation", "techno without drums", ["without drums"]),
        ("two-genres", "polka polka polka", []),
        ("two-genres", "techno, no polka", []),
        ("artist-name", "a song like Gunnar Testperson", ["Gunnar Testperson"]),
        ("artist-name", "music in the style of smooth jazz", []),
        ("artist-name", "drums like thunder", []),
        ("vocals", "soul without vocals", []),
        ("vocals", "a choir singing over techno", ["choir", "singing"]),
        ("tempo-against-genre", "drum and bass at 87 bpm", []),
        ("tempo-against-genre", "slow drum and bass", ["slow"]),
        ("dangling-word", "house and and piano", ["and and"]),
        ("unlearned-word", "house with piano in 1984", []),
        ("vocals", "house with a single guitar and rapid hi-hats", []),
        ("superstition", "16-bit chiptune", []),
        ("superstition", "house, 24 bit", ["24 bit"]),
        ("artist-name", "ambient that sounds like rain on a window", []),
        ("artist-name", "house that sounds like Gunnar Testperson", ["Gunnar Testperson"]),
        ("dangling-word", "a cha cha for a wedding", []),
        ("no-genre", "house with piano", []),
    ],
)
def test_what_a_rule_finds_is_what_it_names(rule: str, prompt: str, what: list[str]) -> None:
    assert found(rule, prompt) == what


def test_an_effect_is_told_for_the_model_it_was_measured_on_alone() -> None:
    unsure = RuleEffect(present=share(3, 16), absent=share(15, 16), effect=effect([-3.0, -2.5, -3.5, -3.0]), q=0.2)
    measured = unsure.model_copy(update={"q": 0.01})
    assert "harms" not in unsure.sentence and "no effect is sure" in unsure.sentence
    effects = RuleEffects(
        model="m", generator="one", judge="j", made="2026-01-01", takes=4, seconds=4.0, effects={"negation": measured}
    )
    negation = next(rule for rule in rule_book().rules if rule.id == "negation")
    convention = next(rule for rule in rule_book().rules if rule.basis == "convention")
    assert "comes in 3 of 16 takes" in effects.told(negation, "one") and "harms" in effects.told(negation, "one")
    assert effects.told(negation, "another") == "What it does on this model was not measured by listening."
    assert effects.told(convention, "one").startswith("A rule of thumb")
    nothing = RuleEffect(present=share(8, 16), absent=share(8, 16), effect=effect([1.0, -1.0, 0.5, -0.5]))
    assert "no effect is sure" in nothing.sentence


def test_case_that_a_model_does_not_sing_is_said_only_where_it_is_known() -> None:
    def told(sings: bool | None) -> list[str]:
        reading = Reading("soul with female vocals", common(), common().labels, sings=sings)
        return [one.sentence for one in lint(reading) if one.rule == "vocals"]

    assert "this model does not sing" in told(False)[0] and "is not known" in told(None)[0] and told(True) == []


def test_case_a_genre_that_the_judge_lacks_is_named() -> None:
    reading = Reading("gospel with piano", common(), ("house", "techno"))
    (finding,) = [one for one in lint(reading) if one.rule == "no-genre"]
    assert "names no genre that the judge knows: it does not know “gospel”." in finding.sentence


def test_case_of_a_family_the_genres_that_the_judge_knows_are_named() -> None:
    reading = Reading("jazz with piano", common(), ("house", "swing jazz", "smooth jazz"))
    (finding,) = [one for one in lint(reading) if one.rule == "no-genre"]
    assert "it does not know “jazz”, but swing jazz, smooth jazz." in finding.sentence
