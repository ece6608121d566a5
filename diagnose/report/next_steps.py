"""What to try next, as lines that can be pasted into a shell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tonescope.diagnose.judging.verdict import FEWEST_TAKES
from tonescope.diagnose.report import pasteable
from tonescope.diagnose.report.view import Command
from tonescope.diagnose.report.wording import set_again, shortened, the_word
from tonescope.diagnose.schema import Diagnosis, Trial
from tonescope.diagnose.settings import MOST_TAKES, USEFUL_TAKES
from tonescope.models.loading import EMBEDDED, HUB_JUDGE, OURS

SHOWN_STEPS = 2
MOST = 0.75  # of the takes have to be right for a prompt to be good enough
LONGEST_LINE = 240  # characters: three lines of a usual terminal
MOST_EDITED = 5  # units that a line names
FOLDER = "tonescope-result"


def next_steps(found: Diagnosis) -> list[Command]:
    """The first few that apply; there is always one."""
    steps = [step for row in _STEPS if (step := row(found))]
    if not steps or steps == [_look_for_a_prompt(found)]:  # nothing was found in these takes
        steps.append(_more_takes(found))
    return steps[:SHOWN_STEPS]


def to_hear(found: Diagnosis) -> Command:
    """How to get the sound of a diagnosis that was not written: the same takes are played again."""
    return _pasted(
        "The same takes with their sound, and a report (all is played again)",
        pasteable.diagnose(found, out=FOLDER),
        f"run the same command with --out {FOLDER}",
    )


def _pasted(told: str, line: str, in_words: str) -> Command:
    """Why, and the line; a line that is too long to be pasted with joy is told in words."""
    if len(line) <= LONGEST_LINE:
        return Command(f"{told}:", line)
    return Command(f"{told}: {in_words}.")


# --- the steps --------------------------------------------------------------------------------------------------------


def _other_judge(found: Diagnosis) -> Command | None:
    """A judge that knows one world of sound was asked about another."""
    if found.judge.name != EMBEDDED or found.model.name.partition(" + ")[0] in OURS:
        return None
    return _pasted(
        "The judge knows other music than this model plays; ask one that knows recordings",
        pasteable.diagnose(found, judge=HUB_JUDGE),
        f"run the same command with --judge {HUB_JUDGE}",
    )


def _say_what_was_meant(found: Diagnosis) -> Command | None:
    if found.verdict.kind != "open":
        return None
    asked = found.intended
    meant = next(iter(asked.relatives), None) or asked.nearest or found.perceived.label
    return _pasted(
        f"If you meant {meant}, say so, and the takes are compared with that",
        pasteable.diagnose(found, intended=meant),
        f"run the same command with --intended {pasteable.quoted(meant)}",
    )


def _unclear(found: Diagnosis) -> Command | None:
    return _more_takes(found) if found.verdict.kind == "unclear" else None


@dataclass(frozen=True)
class _Played:
    """Another prompt that was played in the fresh takes, and how many of them were heard as it was asked."""

    how: str
    beside: str
    prompt: str
    right: int
    total: int

    @classmethod
    def of(cls, how: str, beside: str, trial: Trial, asked: str) -> _Played:
        return cls(how, beside, trial.prompt, trial.heard.get(asked, 0), sum(trial.heard.values()))


def _is_missed(found: Diagnosis) -> bool:
    """Whether other things are heard than what was asked for: one genre, or several and never the one asked for, in
    takes enough to say so."""
    matched = found.verdict.matched
    never = matched is not None and matched.count == 0 and matched.total >= FEWEST_TAKES
    return "drift" in found.verdict.kind or (found.verdict.kind == "unclear" and never)


def _best(found: Diagnosis) -> _Played | None:
    """The prompt that was played right most often: in half of the takes or more, and more often than the one in
    question."""
    asked = found.intended.label
    before = sum(take.heard == asked for take in found.drivers.tested)
    is_lucky = found.verdict.kind == "match" and 2 * before < len(found.drivers.tested)  # in the first takes alone
    if asked is None or not (_is_missed(found) or is_lucky):
        return None
    tried = []
    for row in found.drivers.words:
        if row.verified and not row.verified.sound.broke:
            _, it = the_word(row.word)
            tried.append(_Played.of(f"Without “{shortened(row.word)}”", f"with {it}", row.verified, asked))
    if (bare := found.blame.bare) and not bare.sound.broke:
        tried.append(_Played.of(f"Of “{shortened(bare.prompt)}” alone", "of the whole prompt", bare, asked))
    right = [row for row in tried if 2 * row.right >= row.total and row.right > before]
    return max(right, key=lambda row: row.right, default=None)


def _better_prompt(found: Diagnosis) -> Command | None:
    best, asked = _best(found), found.intended.label
    if best is None:
        return None
    before = sum(take.heard == asked for take in found.drivers.tested)
    return _pasted(
        f"{best.how}, {best.right} of {best.total} takes are {asked}, as asked ({best.beside}, {before})",
        pasteable.diagnose(found, best.prompt),
        "the prompt is too long to be written here again",
    )


def _look_for_a_prompt(found: Diagnosis) -> Command | None:
    """Where nothing that was played is right in most takes: rewrites are tried, by listening."""
    asked, best = found.intended.label, _best(found)
    if asked is None or not _is_missed(found) or (best and best.right >= MOST * best.total):
        return None
    return _pasted(
        f"Look for a prompt that plays {asked} (rewrites, proven by listening)",
        pasteable.suggest(found),
        "tonescope suggest, with the prompt",
    )


def _mute_it(found: Diagnosis) -> Command | None:
    """The set muted in more takes, where a set does it."""
    test = found.drivers.group
    if test is None or not test.turns or len(test.names) > MOST_EDITED:
        return None
    return _pasted(
        f"Mute {set_again(test)} in more takes, and listen",
        pasteable.edit(found, test.names),
        f"tonescope edit, with the prompt and {' '.join(test.names)}",
    )


def _look_for_units(found: Diagnosis) -> Command | None:
    if not found.settings.quick:
        return None
    line = pasteable.diagnose(found, quick=False)
    return _pasted("Look for the units that do it as well", line, "run the same command without --quick")


def _more_takes(found: Diagnosis) -> Command:
    takes = min(MOST_TAKES, max(USEFUL_TAKES, 2 * found.settings.takes))
    return _pasted(
        f"{takes} takes tell more than {found.settings.takes}",
        pasteable.diagnose(found, takes=takes),
        f"run the same command with --takes {takes}",
    )


_STEPS: tuple[Callable[[Diagnosis], Command | None], ...] = (
    _other_judge,
    _say_what_was_meant,
    _better_prompt,
    _unclear,
    _look_for_a_prompt,
    _mute_it,
    _look_for_units,
)
