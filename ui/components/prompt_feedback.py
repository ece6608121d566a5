"""Feedback under the prompt while it is typed: what will probably be heard, what pulls where, what may not work.

It is read with modules of its own, so that a run that goes on meanwhile changes nothing here and is not disturbed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.prompts.linter import LintFinding, said_once
from tonescope.diagnose.prompts.lyrics import phrases_of_song
from tonescope.diagnose.prompts.phrases import Phrase
from tonescope.diagnose.repair.live_feedback import FOLLOWS, NOTHING_FOUND, Feedback, LiveFeedback, PhrasePull
from tonescope.diagnose.report.escaped_templates import templates_of
from tonescope.diagnose.report.lint_views import MARKS
from tonescope.diagnose.runtime.own_modules import with_own_modules
from tonescope.ui.components.given_values import text_of

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session

BUDGETS = ((60, "quick: 60 takes"), (120, "usual: 120 takes"), (240, "thorough: 240 takes"))
USUAL_BUDGET = 120
SHOWN_FINDINGS = 6
PATIENCE = 0.1  # seconds; where phrases take longer, they wait until the typing pauses
UNFINISHED = ("unlearned-word", "dangling-word")  # rules that a word finds which is still being typed


@dataclass(frozen=True)
class Piece:
    """A stretch of the prompt, and the phrase that it is, where it pulls somewhere."""

    text: str
    pull: PhrasePull | None = None

    @property
    def points(self) -> int:
        """How far it pulls, in percentage points; 0 where that is too little to count."""
        return round(100 * self.pull.by) if self.pull and self.pull.by >= FOLLOWS else 0

    @property
    def harm(self) -> int:
        """How much it takes from the genre that is asked for, in percentage points; 0 where that is too little."""
        return round(-100 * (self.pull.intended_by or 0.0)) if self.pull and _harms(self.pull) else 0


class PromptFeedback:
    """What gives feedback to everybody, one prompt at a time, while the queue works on the same models.

    Args:
        session: the models; nothing may be on them when this is made.
    """

    def __init__(self, session: Session) -> None:
        self._lock = Lock()
        self._with_pulls = 0.0  # seconds that feedback took with all phrases
        generator, judge = with_own_modules(session.generator), with_own_modules(session.judge)
        self._live = LiveFeedback(generator, judge, session.taxonomy, session.vocabulary)

    def on(self, prompt: Any, intended: Any = None, *, pulls: bool = True) -> Feedback:
        """Feedback on a prompt, whatever it is: :meth:`tonescope.diagnose.repair.live_feedback.LiveFeedback.on`.

        Raises:
            TonescopeError: the judge does not know the genre that was meant, or what was given is no text.
        """
        typed, meant = text_of("prompt", prompt), text_of("intended", intended or "")
        with self._lock:
            started = time.perf_counter()
            found = self._live.on(typed, meant or None, pulls=pulls)
            if pulls and found.prediction:
                self._with_pulls = time.perf_counter() - started
        return found

    def phrases(self, prompt: str) -> list[Phrase]:
        """The phrases of a prompt, as a diagnosis has them: tags, and lines of lyrics.

        Raises:
            TonescopeError: the prompt cannot be read.
        """
        with self._lock:
            return phrases_of_song(prompt, self._live.generator.read_text([prompt]))

    def html(self, prompt: Any, intended: Any = None, *, settled: bool = True) -> str:
        """The same as a page shows it; empty for a prompt without anything in it.

        Args:
            settled: whether the typing paused. Before that, nothing is said of a word that may not be finished, and
                where the text encoder is large, nothing of phrases.
        """
        if not text_of("prompt", prompt).strip():
            return ""
        with_pulls = settled or self._with_pulls <= PATIENCE
        return html(self.on(prompt, intended, pulls=with_pulls), settled=settled, with_pulls=with_pulls)


def html(found: Feedback, *, settled: bool = True, with_pulls: bool = True) -> str:
    """Feedback as a page shows it. All text is escaped."""
    prediction = found.prediction
    said = [one for one in found.findings if settled or not _is_unfinished(one, found.prompt)]
    findings = said_once(said)
    return str(
        _template().module.told(
            found=found,
            prediction=prediction,
            pieces=pieces(found.prompt, prediction.pulls) if prediction and with_pulls else [],
            findings=findings[:SHOWN_FINDINGS],
            more=len(findings) - SHOWN_FINDINGS,
            marks=MARKS,
            nothing_found=NOTHING_FOUND,
        )
    )


def _is_unfinished(one: LintFinding, prompt: str) -> bool:
    """Whether a finding may be gone with the next letter."""
    return one.rule == "no-genre" or (one.rule in UNFINISHED and one.end == len(prompt))


def panel(labels: Sequence[str]) -> str:
    """What stands under the prompt and is filled by ``feedback.js``: feedback, and what can be asked of the prompt."""
    return str(_template().module.panel(labels=labels, budgets=BUDGETS, usual=USUAL_BUDGET))


def pieces(prompt: str, pulls: Sequence[PhrasePull]) -> list[Piece]:
    """The prompt in its order, cut at the phrases that pull."""
    found, at = [], 0
    for pull in sorted(pulls, key=lambda pull: pull.start):
        if (pull.by < FOLLOWS and not _harms(pull)) or pull.start < at:
            continue
        found += [Piece(prompt[at : pull.start]), Piece(prompt[pull.start : pull.end], pull)]
        at = pull.end
    return [piece for piece in [*found, Piece(prompt[at:])] if piece.text]


def _harms(pull: PhrasePull) -> bool:
    return (pull.intended_by or 0.0) <= -FOLLOWS


@lru_cache(maxsize=1)
def _template() -> Any:
    return templates_of(__package__).get_template("prompt_feedback.html.j2")
