"""The linter: every rule, put to a prompt that may still be in the making. Nothing is played, nothing is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel

from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.prompts.rules.lint_rules import MEASURED, Level, Rule, effect_of
from tonescope.diagnose.prompts.rules.rule_checks import CHECKS, Found, Reading
from tonescope.diagnose.settings import LONGEST_PROMPT, is_too_long

LEVELS: tuple[Level, ...] = ("problem", "warning", "note")
SHOWN = 60  # characters of a stretch
LEFT_OUT = ("negation", "superstition", "vocals", "artist-name")  # rules whose finding may be left out of the prompt


class LintFinding(BaseModel):
    """What a rule found.

    Attributes:
        rule: its name; ``name``, the same in plain words; ``level``, how much it matters.
        start, end: the characters of the prompt that it is about; ``what``, those characters.
        sentence: what was found; ``reason``, why it matters; ``effect``, what is known of what it does on this model.
        basis: whether the effect is measured, or the rule a convention.
        instead: the prompt without it, where leaving it out is enough.
    """

    rule: str
    level: Level
    start: int
    end: int
    what: str
    sentence: str
    reason: str
    effect: str
    basis: Literal["measured", "convention"]
    instead: str | None = None
    name: str = ""

    @property
    def measured(self) -> bool:
        """Whether what it does was measured on the model that plays."""
        return self.effect.startswith(MEASURED)


def lint(reading: Reading, generator: str | None = None) -> list[LintFinding]:
    """What the rules find in a prompt, what matters most first.

    Args:
        reading: the prompt, and what is known of it. Of one that :func:`~tonescope.diagnose.settings.is_too_long` only
            that is said.
        generator: fingerprint of the model that will play it, for measured effects.
    """
    rules = reading.book.rules
    if is_too_long(reading.prompt):
        rule = next(rule for rule in rules if rule.id == "too-long")
        known = f"{len(reading.prompt):,} characters, and text encoders read a few hundred words at most"
        return [_finding(reading, rule, Found(LONGEST_PROMPT, len(reading.prompt), known), generator)]
    found = [_finding(reading, rule, one, generator) for rule in rules for one in _found(reading, rule)]
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def said_once(findings: Sequence[LintFinding]) -> list[LintFinding]:
    """Findings without those of words that another rule says more of than that they were never learned."""
    return [one for one in findings if not _is_said_better(one, findings)]


def _is_said_better(one: LintFinding, all_of: Sequence[LintFinding]) -> bool:
    others = (other for other in all_of if other.rule not in ("unlearned-word", "no-genre", "too-long"))
    return one.rule == "unlearned-word" and any(o.start <= one.start and one.end <= o.end for o in others)


def _found(reading: Reading, rule: Rule) -> Iterator[Found]:
    if rule.pattern is not None:
        return (Found(match.start(), match.end()) for match in rule.pattern.finditer(reading.prompt))
    return CHECKS[str(rule.check)](reading)


def _finding(reading: Reading, rule: Rule, found: Found, generator: str | None) -> LintFinding:
    what = reading.prompt[found.start : found.end].strip()
    shown = found.what or (what if len(what) <= SHOWN else f"{what[:SHOWN]}…")
    return LintFinding(
        rule=rule.id,
        level=rule.level,
        start=found.start,
        end=found.end,
        what=what[:LONGEST_PROMPT],
        sentence=rule.told.format(what=shown, known=found.known),
        reason=rule.reason,
        effect=effect_of(rule, generator),
        basis=rule.basis,
        instead=_instead(reading, found) if rule.id in LEFT_OUT else None,
        name=rule.name,
    )


def _instead(reading: Reading, found: Found) -> str | None:
    """The prompt without the phrases that a finding touches; ``None`` where nothing is left."""
    prompt = reading.prompt
    touched = [phrase for phrase in reading.phrases if phrase.start < found.end and phrase.end > found.start]
    if any(phrase.kind == "genre" for phrase in touched):
        return None
    for phrase in reversed(touched):
        prompt = without(prompt, phrase)
    return Song(prompt, reading.sung).with_tags(prompt) if prompt else None
