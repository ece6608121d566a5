"""The rules of the linter as data (``lint_rules.toml``), and what each was measured to do (``rule_effects.json``)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import regex
from pydantic import BaseModel, ConfigDict

from tonescope.diagnose.stats import BELIEVED, Effect, Share

MEASURED = "Measured on this model"
CONVENTION = "A rule of thumb: what it does was not measured."
UNTESTED = "What it does on this model was not measured by listening."
EFFECTS_FILE = "rule_effects.json"
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
Level = Literal["problem", "warning", "note"]
Basis = Literal["measured", "convention"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: its name; ``name``, the same in plain words.
        level: how much it matters.
        told: the sentence about what it found; ``reason``, why that matters.
        test, clean: a prompt in which it finds something, and one in which it does not.
        basis: whether its effect is measured on the embedded model, or it is a convention.
        check: the name of a function of :mod:`tonescope.diagnose.prompts.rules.rule_checks`; or ``pattern``.
        pairs: (with what it finds, without, the genre meant), to measure its effect by.
    """

    id: str
    name: str
    level: Level
    told: str
    reason: str
    test: str
    clean: str
    basis: Basis
    check: str | None = None
    pattern: regex.Pattern[str] | None = None
    pairs: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class RuleBook:
    """All rules, and the numbers and names that their functions need.

    Attributes:
        rules: in the order in which findings of one level are shown.
        limits: numbers by name; ``tempos``, usual beats a minute by genre.
        before, before_capital, after: what stands around a name of a person.
        twice: names that are a word said twice.
    """

    rules: tuple[Rule, ...]
    limits: dict[str, int]
    tempos: dict[str, tuple[float, float]]
    before: tuple[str, ...]
    before_capital: tuple[str, ...]
    after: tuple[str, ...]
    twice: frozenset[str]


class RuleEffect(BaseModel):
    """What a rule's findings do on one model: paired takes of the rule's pairs.

    Attributes:
        present, absent: takes heard as the genre meant, with what the rule finds in the prompt and without.
        effect: change of the judge's log-odds of that genre: of the means of the pairs of prompts, with the interval
            over these, for takes of one prompt say the same thing again.
        q: over all rules that were measured; what is not sure is not told as an effect.
    """

    model_config = ConfigDict(extra="forbid")

    present: Share
    absent: Share
    effect: Effect
    q: float | None = None

    @property
    def sentence(self) -> str:
        """What was measured, in one sentence."""
        prompts = COUNTS.get(self.effect.takes, str(self.effect.takes))
        told = (
            f"{MEASURED}, in {prompts} other prompts: with what is found here the genre that is meant comes in "
            f"{self.present.count} of {self.present.total} takes, without it in {self.absent.count} of "
            f"{self.absent.total}"
        )
        if self.q is None or self.q >= BELIEVED:
            return f"{told}; over so few prompts no effect is sure."
        return f"{told}: it {'helps' if self.effect.mean > 0 else 'harms'} ({self.effect} nats)."


class RuleEffects(BaseModel):
    """Effects by rule, on the model with this fingerprint."""

    model_config = ConfigDict(extra="forbid")

    model: str
    generator: str
    judge: str
    made: str
    takes: int
    seconds: float
    effects: dict[str, RuleEffect]

    def told(self, rule: Rule, generator: str | None) -> str:
        """What is known of a rule's effect on a model."""
        if rule.basis == "convention":
            return CONVENTION
        if generator != self.generator or rule.id not in self.effects:
            return UNTESTED
        return self.effects[rule.id].sentence


@lru_cache(maxsize=1)
def rule_book() -> RuleBook:
    """The rules that are shipped."""
    table = tomllib.loads((resources.files(__package__) / "lint_rules.toml").read_text(encoding="utf-8"))
    names = table["names"]
    return RuleBook(
        rules=tuple(_rule(row) for row in table["rules"]),
        limits=table["limits"],
        tempos={genre: (float(low), float(high)) for genre, (low, high) in table["tempos"].items()},
        before=_longest_first(names["before"]),
        before_capital=_longest_first(names["before_capital"]),
        after=_longest_first(names["after"]),
        twice=frozenset(names["twice"]),
    )


def _longest_first(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(names, key=lambda name: -len(name)))


def _rule(row: dict[str, object]) -> Rule:
    about = dict(row)
    if pattern := about.pop("pattern", None):
        about["pattern"] = regex.compile(str(pattern), regex.IGNORECASE)
    about["pairs"] = tuple(tuple(pair) for pair in about.pop("pairs", ()))  # type: ignore[attr-defined]
    return Rule(**about)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def rule_effects() -> RuleEffects | None:
    """What ``benchmarks/lint_effects.py`` measured; ``None`` where that was not run."""
    file = resources.files(__package__) / EFFECTS_FILE
    return RuleEffects.model_validate(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def effect_of(rule: Rule, generator: str | None) -> str:
    """What is known of a rule's effect on the model with this fingerprint."""
    measured = rule_effects()
    if measured is not None:
        return measured.told(rule, generator)
    return CONVENTION if rule.basis == "convention" else UNTESTED
