"""What an audit found, in sentences that a musician understands."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tonescope.diagnose.audit import audit_command
from tonescope.diagnose.audit.design import WORDS as SAID_AS
from tonescope.diagnose.audit.obedience import FEWEST
from tonescope.diagnose.report import confusion_sentences
from tonescope.diagnose.report.pasteable import prompt_word, quoted
from tonescope.diagnose.report.sentences import percent

if TYPE_CHECKING:
    from tonescope.diagnose.audit.audit_schema import AuditReport, Defaults, DepthResult, Finding, Value, WordRow
    from tonescope.diagnose.audit.power import Forecast, PowerRow

NEXT_STEPS = 1
NAMED = 3  # places of one kind that the headline names
GAPS = (
    "The gap is corrected for chance: of several groups the best and the worst lie apart even where all are alike. Its "
    "interval is a bootstrap over the takes of these prompts; over prompts, where there are many."
)
WORDS = (
    "Takes that name the word against takes that do not, within each genre asked for (an exact Mantel-Haenszel "
    "test); takes that ask for what is heard are left out."
)
TEMPO = (
    "A beat can be counted half or twice as fast, so both are told. Whether tempo words work is told by comparing "
    f"takes that ask for fast with takes that ask for slow, where {FEWEST} of each have a beat: one half is no "
    "difference."
)
INSTRUMENTS = (
    "How likely a take that asks for the instrument is nearer to its name than one that does not (0.5: alike). "
    "One is said to be absent only where another is heard in takes that keep their genre."
)
DIVERSITY = (
    "The Vendi score of the judge's embeddings: 1 where all takes are alike, their number where none are. The range is "
    "that of 95 % of random choices of so many takes."
)
FINE, COARSE = 0.1, 0.3  # differences of two shares
POWER = (
    "How fine each comparison is: a true difference of so many percentage points between two shares of takes (or from "
    "a fixed one; or between how likely a take has more than another and one half) is found in 80 of 100 such audits; "
    "smaller ones are mostly missed. 10 and less is fine; 30 and more is coarse, so that "
    "only blatant faults show, and more takes are needed. That many tests make each stricter is counted in."
)
HASHED = (
    "The hash is of the design, of every prompt with its number of takes, and of how they are played: whoever has them "
    "can see that nothing was changed after the fact."
)
WORST = (
    "A limit for the worst group holds where the intervals of all groups keep it. Each is a 95 % interval of its own, "
    "so of many groups that keep a limit barely, one may fail it by chance."
)
NO_ORIGIN = "That a passage comes again says nothing of where it comes from: the training set is not known here."
MODEL_OPTIONS = (
    *("--model", "--adapter", "--judge", "--device", "--dtype", "--labels", "--calibration"),
    *("--denoising-steps", "--shift", "--steer"),
)
KINDS = {
    "confusion": ("plays", "{heard} for {where}"),
    "under-represented": ("seldom plays", "{where}"),
    "misleading word": ("is misled by", "“{where}” (to {heard})"),
    "default": ("plays", "{heard} where no genre is asked for"),
    "ignored tempo": ("ignores tempo words for", "{where}"),
    "absent instrument": ("does not play", "{where} where it is asked for"),
    "repetition": ("repeats one passage in", "{where}"),
}
"""What a model does, and how each of its findings is said after that."""


def how_fine(gap: float) -> str:
    """Whether a comparison that finds differences from this share on is good for much."""
    return "fine" if gap <= FINE else "coarse" if gap >= COARSE else "medium"


def headline(report: AuditReport) -> str:
    """The whole audit in one sentence."""
    if not report.findings:
        return f"Nothing is surely wrong with {len(report.rows)} genres."
    told: dict[str, list[str]] = {}
    for finding in report.findings:
        said = KINDS[finding.kind][1].format(where=finding.where, heard=finding.heard)
        told.setdefault(finding.kind, []).append(said)
    parts = [f"{KINDS[kind][0]} {_listed(list(dict.fromkeys(found)))}" for kind, found in told.items()]
    return f"It {'; '.join(parts)}."


def place(finding: Finding) -> str:
    """Where a finding is, and what is heard there instead."""
    heard = f" ({finding.heard})" if finding.heard else ""
    where = f"“{finding.where}”" if finding.kind == "misleading word" else finding.where
    return where + heard


def basis(report: AuditReport) -> str:
    """What it rests on."""
    right = [row for row in report.rows if (row.corrected_verdict or row.verdict) == "match"]
    corrected = ", corrected for the judge's mistakes" if any(row.corrected_verdict for row in report.rows) else ""
    return (
        f"{len(right)} of {len(report.rows)} genres are mostly played as asked{corrected}. {report.design.takes:,} "
        f"takes, {sum(report.exclusions.values())} left out, {report.unclear} without a clear genre."
    )


def passed(report: AuditReport) -> str:
    """How the thresholds came out."""
    counts = Counter(row.outcome for row in report.thresholds)
    if report.passed:
        return f"Passed: all {len(report.thresholds)} thresholds that were fixed beforehand"
    return (
        f"Not passed: {counts['failed']} of {len(report.thresholds)} thresholds failed, {counts['undecided']} undecided"
    )


def plan(report: AuditReport) -> str:
    """What would be played."""
    prompts, design = report.design.prompts, report.design
    part = f", {design.played:,} of {design.combinations:,} combinations" if design.combinations else ""
    return (
        f"{design.takes:,} takes of {report.settings.seconds:g} s: {prompts['plain']} plain prompts, "
        f"{prompts['neutral']} neutral ones, {prompts['words']:,} with further words{part}. "
        f"Design “{design.name}”, hash {design.hash}."
    )


def declared(report: AuditReport) -> str:
    """What stood fixed, and when."""
    design = report.design
    return (
        f"Declared {design.declared_at}: design “{design.name}”, hash {design.hash}, {design.takes:,} takes of "
        f"{report.settings.seconds:g} s."
    )


def power(report: AuditReport) -> str:
    """What so many takes can show, in short: the finest comparison and the coarsest."""
    rows = sorted(report.power, key=lambda row: 2.0 if row.smallest_gap is None else row.smallest_gap)
    return f"The finest of its comparisons finds {found(rows[0])}, the coarsest {found(rows[-1])}."


def found(row: PowerRow) -> str:
    """The smallest difference that a comparison finds."""
    unit = row.unit if row.unit.startswith("%") else f" {row.unit}"
    return "none" if row.smallest_gap is None else f"{100 * row.smallest_gap:.0f}{unit.replace('% ', ' % ')}"


def costs(found: Forecast | None) -> Iterator[str]:
    """Time and money of the takes that are missing."""
    if found is None:
        yield "All takes are there already, so nothing has to be played."
        return
    minutes = 60 * found.hours
    told = f"about {minutes:.0f} min" if minutes < 120 else f"about {found.hours:.1f} h"
    told = told if minutes >= 1 else "less than a minute"
    yield f"{found.takes:,} takes to play: {told} ({found.seconds_a_take:.2g} s each, measured)."
    if found.cost is not None:
        yield f"That costs about {found.cost:.2f} {found.currency}."


def next_steps(report: AuditReport) -> Iterator[tuple[str, str]]:
    """What to do about it: a sentence, and a line; none where no line can say which models these are."""
    if report.command == audit_command.NONE:
        return
    models = _models(report)
    pairs = report.flagged_pairs[:NEXT_STEPS]
    for pair in pairs:
        prompt = next(row.prompts[0] for row in report.rows if row.asked == pair.asked)
        yield f"Why {pair.asked} is {pair.heard}:", f"tonescope diagnose {prompt_word(prompt)}{models}"
    for row in [row for row in report.words if row.flagged][: NEXT_STEPS - len(pairs)]:
        yield f"What “{row.word}” does:", f"tonescope diagnose {prompt_word(_with_word(report, row))}{models}"


def _with_word(report: AuditReport, row: WordRow) -> str:
    """A prompt in which a word brings what it brings: one of those that can be heard, if there is one."""
    heard = (take.prompt for take in report.examples if take.heard == row.heard and row.word in take.prompt)
    return next(heard, "music" + SAID_AS[row.factor].format(row.word))


def _models(report: AuditReport) -> str:
    """The options of the audit that say which models play and listen."""
    given = shlex.split(report.command)
    pairs = [(flag, value) for flag, value in pairwise(given) if flag in MODEL_OPTIONS]
    return "".join(f" {flag} {quoted(value)}" for flag, value in pairs)


def effect(found: Value, form: str = ".2f") -> str:
    """A number with its interval."""
    return interval(found.value, found.interval.low, found.interval.high, form)


def interval(value: float, low: float, high: float, form: str = ".2f") -> str:
    """A number with the ends of its interval; nothing where it is not known."""
    if value != value:
        return "–"
    if low == high:
        return f"{value:g}" if value == round(value) else f"{value:{form}}"
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def asked_in(report: AuditReport) -> str:
    """In which words it was asked, by the first genre."""
    prompts = report.rows[0].prompts
    return f"Asked in these words: {', '.join(f'“{prompt}”' for prompt in prompts)}; each genre likewise."


def reference(report: AuditReport) -> str:
    """What shares are held against."""
    name, rows = report.design.declared["reference"]["name"], report.representation
    told = f"Against: {name}, of takes with a clear genre; intervals are bootstraps over the takes of these prompts."
    if any(row.measured for row in rows):
        told += " What the judge mishears of known recordings is allowed for (genres that it hardly hears there are "
        told += "left out)."
    if not_known := [row.genre for row in rows if not row.measured]:
        told += f" How often the judge mishears {_listed(not_known)} was not measured, so nothing follows of "
        told += f"{'it' if len(not_known) == 1 else 'them'} here."
    return told


def defaults(found: Defaults) -> str:
    """What comes when no genre is asked for."""
    prompts = ", ".join(f"“{prompt}”" for prompt in found.prompts[:4])
    if found.top is None:
        return f"Asked for {prompts}, no genre is heard clearly."
    even = f" Evenness {effect(found.evenness)}, where 1 is all genres alike." if found.evenness else ""
    return f"Asked for {prompts}: {found.top} in {found.top_share} takes.{even}"


def control(report: AuditReport) -> str:
    """Where known recordings come from."""
    return f"What the judge hears in recordings of known genre, after the codec. From: {report.control_source}."


def depth(found: DepthResult) -> str:
    """Where the genre can be told."""
    best = max(found.layers, key=lambda row: row.right.value)
    if found.decided is None:
        return f"No layer tells the genre much better than chance ({percent(found.chance)})."
    return (
        f"From layer {found.decided} on, the genre that will be heard can be read nearly as well as anywhere (best in "
        f"layer {best.layer}: {best.right} takes of prompts that the probe had not seen; chance "
        f"{percent(found.chance)})."
    )


def passages(report: AuditReport) -> str:
    """What comes again."""
    if not report.passages:
        return "No passage comes again in many takes."
    first, more = report.passages[0], len(report.passages) - 1
    rest = f", and {more} more" if more else ""
    return (
        f"A passage of {first.seconds:g} s comes in {first.share} takes, most in {first.most_of} ({first.most_share})"
        f"{rest}."
    )


def unread(report: AuditReport) -> str:
    """Levels of which nothing could be measured."""
    return f"Not measured: {_quoted(report.unread)} (no tempo or key that can be held against the sound)."


def correction(report: AuditReport) -> str:
    """Whether shares were corrected for the judge, and by what."""
    found = report.correction
    if found is None or not found.used:
        return (found.reason if found else None) or "What is heard is not corrected for the judge's mistakes."
    return (
        f"“Corrected” is what a judge without mistakes would hear: its own confusion on known clips (at least "
        f"{found.fewest_clips} of each genre), inverted; intervals over bootstrap over takes and clips."
    )


def design(report: AuditReport) -> Iterator[str]:
    """What was declared."""
    found = report.design
    yield f"Design “{found.name}” ({found.source}), hash {found.hash}, declared {found.declared_at}."
    yield HASHED
    for factor, levels in found.declared["factors"].items():
        told = levels if isinstance(levels, str) else ", ".join(levels)
        yield f"{factor}: {told}."
    yield f"Wordings: {_quoted(found.declared['wordings'])}. Neutral prompts: {_quoted(found.declared['neutral'])}."
    yield plan(report)


def provenance(report: AuditReport) -> Iterator[str]:
    """How it was made, and who signs."""
    model, judge, asked = report.model, report.judge, report.settings
    yield (
        f"Model {model.name} ({model.description}, {model.fingerprint}, {model.dtype}); judge {judge.name} "
        f"({judge.description}, {judge.fingerprint}{f'; {judge.calibration}' if judge.calibration else ''})."
    )
    yield (
        f"Takes of {asked.seconds:g} s, with noise of its own for every prompt (seed {asked.seed}), guidance "
        f"{asked.guidance:g}, temperature {asked.temperature:g}, top-k {asked.top_k}."
    )
    if (second := report.second) is not None:
        yield f"Second judge {second.name} ({second.description}, {second.calibration})."
    if report.work is not None:
        yield confusion_sentences.work_done(report.work)
    yield f"Made {report.made} with {', '.join(f'{name} {version}' for name, version in report.versions.items())}."
    if report.signature is not None:
        sign = report.signature
        yield (
            f"Signed by {sign.name}, {sign.date}: design {sign.design}, model {sign.model}, judge {sign.judge}, takes "
            f"{sign.takes or 'none'}."
        )


def upper(text: str) -> str:
    """With a capital letter."""
    return text[:1].upper() + text[1:]


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(f"“{text}”" for text in texts)


def _listed(names: Sequence[str]) -> str:
    shown, more = list(names[:NAMED]), len(names) - NAMED
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
