"""Two prompts beside each other, as views: in words first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from tonescope.diagnose.judging.verdict import FEWEST_TAKES
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Sound, Table, View
from tonescope.diagnose.report.wording import shortened
from tonescope.diagnose.stats import signed

if TYPE_CHECKING:
    from tonescope.diagnose.repair.contrast_schema import LayerShare, PhraseShare, PromptContrast
    from tonescope.diagnose.schema import Badge
    from tonescope.diagnose.stats import Effect, Interval

Row = TypeVar("Row", "PhraseShare", "LayerShare")
LEAD = 6
MOSTLY = 0.5  # of the difference, that one part makes


def views(found: PromptContrast) -> list[View]:
    """Everything that was found."""
    title = f"“{found.first}” and “{found.second}”"
    return [
        View("contrast", title, findings(found), depth="first", tone="open"),
        _listen(found),
        View("phrases", "Which phrase makes the difference", tables=[_phrases(found)]),
        View("layers", "Where in the network it takes effect", tables=[_layers(found)]),
        View("listener", "What else a listener hears", [(line, "tested") for line in _listener(found)]),
        shared_views.caveats(found.caveats),
        _made(found),
    ]


def findings(found: PromptContrast) -> list[tuple[str, Badge | None]]:
    """What is said first: what is heard, and what makes the difference."""
    return [
        (heard(found), "observed"),
        (by_phrase(found), _badge(found, _surest(found.phrases))),
        (by_layer(found), _badge(found, _surest(found.layers))),
    ]


def _surest(rows: Sequence[Row]) -> Row | None:
    """Of the rows that surely bring the difference the one that brings most; ``None`` where none does."""
    return max((row for row in rows if row.sure and row.effect.mean > 0), key=lambda row: row.effect.mean, default=None)


def _badge(found: PromptContrast, row: PhraseShare | LayerShare | None) -> Badge:
    return "verified" if row is not None and not _too_few(found) else "tested"


def _too_few(found: PromptContrast) -> bool:
    """Whether takes are so few that nothing is sure, however alike they happen to be."""
    return found.difference.takes < FEWEST_TAKES


def _hedged(found: PromptContrast, told: str) -> str:
    return f"Too few takes to tell: {told[:1].lower()}{told[1:]}" if _too_few(found) else told


def heard(found: PromptContrast) -> str:
    """What a listener hears, in one sentence."""
    first, second = found.matched
    target, change = found.contrast.target, found.difference
    if found.contrast.foil is None:
        same = f"Both prompts are mostly heard as {target}: {first} takes of the first, {second} of the second."
        if change.interval is None or change.interval.low <= 0 <= change.interval.high:
            return f"{same} On the same noise neither is surely nearer to it."
        return f"{same} On the same noise the second is surely {'nearer to' if change.mean > 0 else 'farther from'} it."
    return (
        f"On the same noise, {target} is heard in {first} takes of the first prompt ({_counts(found.heard_first)}) and "
        f"in {second} of the second ({_counts(found.heard_second)})."
    )


def by_phrase(found: PromptContrast) -> str:
    """Which phrase makes the difference."""
    if not found.phrases:
        lyrics = ", or the lyrics, which differ," if found.lyrics_differ else ""
        return f"The prompts have the same phrases: order, punctuation or spelling{lyrics} makes the difference."
    best = _surest(found.phrases)
    if best is None:
        return "No single phrase surely makes the difference in these takes."
    whose, other = ("second", "first") if best.side == "second" else ("first", "second")
    part = _of_difference(best)
    how = f"put into the {other} prompt as well" if best.added else "left out"
    what = f"“{best.phrase}” of the {whose} prompt"
    if best.part is None:
        told = f"{what} does most: with it {how}, the judge hears something else."
    elif best.part < MOSTLY:
        told = f"{what} makes {part} (it was {how}), more than any other phrase surely does."
    else:
        mostly = "mostly " * (best.part < 1)
        told = f"The difference is {mostly}due to {what}: with it {how}, {part} is gone."
    return _hedged(found, f"{told} {_measured(found)}")


def _measured(found: PromptContrast) -> str:
    """What the difference is counted in: takes may be heard alike although the judge is much less sure of one."""
    target, foil = found.contrast.target, found.contrast.foil
    rather = f"{target} rather than {foil}" if foil else target
    return f"The difference is how strongly the judge hears {rather}, not a count of takes."


def by_layer(found: PromptContrast) -> str:
    """Where it takes effect."""
    if not found.layers:
        return "Where in the network it takes effect was not measured."
    best = _surest(found.layers)
    if best is None:
        return "Where in the network it takes effect is not sure: no single stretch of layers surely carries it."
    part = _of_difference(best)
    one = best.layers.isdigit()  # several are named as a stretch, 3–4
    alone = f", which alone bring{'s' * one} {part}" if part else ""
    mostly = best.part is not None and best.part >= MOSTLY
    how = "It takes effect mostly" if mostly else "It is spread over the network, and takes effect most"
    where = f"layer {best.layers} reads" if one else f"layers {best.layers} read"
    return _hedged(found, f"{how} where {where} the prompt{alone}.")


def _listen(found: PromptContrast) -> View:
    first, second = f"1: {shortened(found.first)}", f"2: {shortened(found.second)}"
    rows = [[Sound(first, "first", row), Sound(second, "second", row)] for row in range(found.matched[0].total)]
    return View("takes", "Listen", [(shared_views.SAME_START, None)], sounds=rows, depth="first")


def _phrases(found: PromptContrast) -> Table:
    rows = tuple(
        (
            one.phrase,
            f"{one.side}, {'added' if one.added else 'left out'}",
            one.prompt,
            str(one.effect),
            _part(one.part, one.part_interval),
            _q(one.q),
        )
        for one in found.phrases
    )
    return Table(("phrase", "of, how", "played", "toward the second (nats)", "part", "q"), rows, lead=LEAD)


def _layers(found: PromptContrast) -> Table:
    rows = tuple((one.layers, str(one.effect), _part(one.part, one.part_interval), _q(one.q)) for one in found.layers)
    return Table(("layers", "toward the second (nats)", "part", "q"), rows)


def _listener(found: PromptContrast) -> list[str]:
    other = found.listener
    tempo = other.tempo
    told = []
    if tempo.before is not None and tempo.after is not None:
        same = "the same" if tempo.same else "another"
        told.append(f"Tempo: {same} (median {tempo.before:.0f} and {tempo.after:.0f} beats a minute).")
    for one in other.instruments:
        told.append(f"{one.instrument}: {_nearer(one.effect)}, by the judge.")
    told.append(f"Level {signed(other.level_db.mean, '.1f')} dB; spectrum {other.spectrum_db.mean:.1f} dB apart.")
    return told


def _made(found: PromptContrast) -> View:
    settings, takes = found.settings, found.matched[0].total
    told = (
        f"{found.model.name}, heard by {found.judge.name}; {takes} fresh takes of {settings.seconds:g} s "
        f"each, after the first {settings.takes} from seed {settings.seed} on; made on {found.made}."
    )
    return View("provenance", "How this was made", [(told, None)], depth="numbers")


def _nearer(change: Effect) -> str:
    if change.interval is None or change.interval.low <= 0 <= change.interval.high:
        return "as near in both, as far as can be told"
    return "the second is nearer to it" if change.mean > 0 else "the first is nearer to it"


def _of_difference(row: PhraseShare | LayerShare) -> str:
    """The part of the difference that one makes, as it is read: of what overshoots, the whole; empty where it cannot be
    told as a part."""
    if row.part is None or row.part <= 0:
        return ""
    part = f"{100 * row.part:.0f} %" if row.part < 1 else "all"
    between = f" (between {_percents(row.part_interval, ' and ')})" if row.part_interval else ""
    return f"{part}{between} of the difference"


def _counts(heard: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in list(heard.items())[:3])


def _part(part: float | None, interval: Interval | None) -> str:
    if part is None:
        return ""
    return f"{100 * part:.0f} %" if interval is None else f"{100 * part:.0f} % ({_percents(interval, ' to ')})"


def _percents(interval: Interval, between: str) -> str:
    return between.join(f"{100 * end:.0f}".replace("-", "−") for end in (interval.low, interval.high)) + " %"


def _q(q: float | None) -> str:
    return "" if q is None else f"{q:.3f}"
