"""A comparison as views: what a listener notices, which place carries it, what units became of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tonescope.diagnose.compare.compare_models import FIRST, SECOND, CompareEvidence
from tonescope.diagnose.compare.compare_schema import Comparison, GraftRow, LikenessRow
from tonescope.diagnose.compare.paired_statistics import Measured
from tonescope.diagnose.report import shared_views
from tonescope.diagnose.report.view import Sound, Table, View

LEAD = 8
ALIKE = 0.999  # linear CKA from which on a location counts as unchanged
HEARD_SHOWN = 3


def views(found: Comparison, evidence: CompareEvidence | None) -> list[View]:
    """Everything that was found."""
    shown = [_headline(found), *_listen(found, evidence), _genres(found), _tempos(found)]
    if found.grafts or found.parts:
        shown.append(_places(found))
    if found.likeness:
        shown.append(_likeness(found))
    if found.bookmarks:
        shown.append(_bookmarks(found))
    return [*shown, shared_views.caveats(found.caveats), _made(found)]


def _headline(found: Comparison) -> View:
    told = [(text, "observed") for text in (heard_told(found), tempo_told(found)) if text]
    if place := place_told(found):
        told.append((place, "verified" if (row := _named(found)) and row.verified else "tested"))
    title = f"{found.first.name} and {found.second.name}"
    return View("comparison", title, told, depth="first", tone="open")  # type: ignore[arg-type]


def heard_told(found: Comparison) -> str:
    """What a listener notices of genres."""
    seen = found.behaviour
    if not seen.paired:
        row = seen.genres[0]
        return f"A is heard as {_heard(row.first_heard)}; B as {_heard(row.second_heard)}."
    assert seen.heard_change is not None
    how = "On the same prompts and noise" if found.first.source else "In pairs of files of one name"
    told = f"{how}, {_share(seen.heard_change)} of takes are heard as something else in B."
    if seen.hit_change is not None and seen.hit_first is not None and seen.hit_second is not None:
        told += (
            f" As the genre asked for are heard {_share(seen.hit_first)} in A and {_share(seen.hit_second)} in B"
            f"{'' if seen.hit_change.sure else ', which may be chance'}."
        )
    return told


def tempo_told(found: Comparison) -> str:
    """What a listener notices of tempo; empty where nothing was asked of it."""
    seen = found.behaviour
    if seen.obeys_change is not None and seen.obeys_first is not None and seen.obeys_second is not None:
        how = "less" if seen.obeys_change.value < 0 else "more"
        sure = (
            f"B obeys tempo words {how} than A"
            if seen.obeys_change.sure
            else "Tempo words work alike, as far as can be told"
        )
        return (
            f"{sure}: “fast” is {seen.obeys_first:+.2f} octaves faster than “slow” in A, {seen.obeys_second:+.2f} in B "
            f"(difference {seen.obeys_change:+.2f}; {seen.obeys_change.prompts} prompts with a clear tempo in all)."
        )
    if seen.faster is None:
        return ""
    apart, how = seen.faster, "faster"
    if apart.value < 0:
        apart, how = apart.turned_round(), "slower"
    prompts = f"{apart.prompts} prompts" if apart.prompts > 1 else "one prompt"
    return f"B is {apart:.2f} octaves {how} than A, over {prompts}{'' if apart.sure else ', which may be chance'}."


def place_told(found: Comparison) -> str:
    """Which place carries the change, and if that is not verified, why not."""
    row = _named(found)
    if row is None:
        tried = "No place that was tried carries the change by itself; the table says what each brings."
        return tried if found.grafts else ""
    carry = "carry" if len(row.parts) > 1 else "carries"
    where = f"{' and '.join(row.parts)} {carry} the change{'' if row.verified else ' in what was tested'}"
    by_takes = 2 * row.same > row.takes
    done = f"B’s very take in {row.same} of {row.takes} that differ"
    if not by_takes:
        done = f"{_way(row.brings)} of the way to B"
    other = next((each for each in found.grafts if each.parts == row.beside), None)
    beside = f" ({other.same if by_takes else _way(other.brings)} with those of {other.parts[0]})" if other else ""
    doubt = f" Not verified: {row.doubt}." if row.doubt else ""
    return f"{where}: with B’s weights there, A plays {done}{beside}.{doubt}"


def _named(found: Comparison) -> GraftRow | None:
    """The graft of the places that are named."""
    return next((row for row in found.grafts if found.named and row.parts == found.named), None)


def _way(part: Measured | None) -> str:
    return "an unknown part" if part is None else _share(part)


def _share(part: Measured) -> str:
    if part.low is None or part.high is None:
        return f"{100 * part.value:.0f} %"
    return f"{100 * part.value:.0f} % ({100 * part.low:.0f}–{100 * part.high:.0f})"


def _heard(labels: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in list(labels.items())[:HEARD_SHOWN])


def _listen(found: Comparison, evidence: CompareEvidence | None) -> list[View]:
    if evidence is None or FIRST not in evidence.sounds or not evidence.shown:
        return []
    rows = []
    for row, first, second in evidence.shown:
        prompt = evidence.sounds[FIRST].prompts[row]
        rows.append([Sound(f"A: {prompt}", FIRST, row, first), Sound("B", SECOND, row, second)])
    told = "Each row has the same prompt, seed and noise; those that differ most come first."
    return [View("takes", "Listen", [(told, None)], sounds=rows, depth="first")]


def _genres(found: Comparison) -> View:
    rows = tuple(
        (
            row.genre or "all",
            str(row.takes),
            str(row.first) if row.genre else "",
            str(row.second) if row.genre else "",
            _heard(row.first_heard),
            _heard(row.second_heard),
        )
        for row in found.behaviour.genres
    )
    columns = ("asked for", "takes", "as asked, A", "as asked, B", "heard, A", "heard, B")
    sentences = []
    if found.behaviour.distance is not None:
        told = f"What the judge hears in pairs is {_share(found.behaviour.distance)} apart (0 is the same)."
        sentences.append((told, "observed"))
    return View("genres", "Genres", sentences, [Table(columns, rows, lead=LEAD)])  # type: ignore[arg-type]


def _tempos(found: Comparison) -> View:
    rows = tuple(
        (
            row.word or "none",
            str(row.takes),
            "" if row.first is None else f"{row.first:.0f}",
            "" if row.second is None else f"{row.second:.0f}",
            "" if row.faster is None else f"{row.faster:+.2f}",
        )
        for row in found.behaviour.tempos
    )
    columns = ("tempo word", "takes", "median bpm, A", "median bpm, B", "B faster by (octaves)")
    sentences = [(text, "observed")] if (text := tempo_told(found)) else []
    return View("tempo", "Tempo", sentences, [Table(columns, rows)])  # type: ignore[arg-type]


def _places(found: Comparison) -> View:
    parts = tuple(
        (row.part, f"{100 * row.change:.2g} %", _measured(row.brings), _measured(row.takes_away)) for row in found.parts
    )
    tables = [
        Table(
            ("place", "weights differ by", "brings", "takes away"),
            parts,
            kinds=("unit", "text", "text", "text"),
            lead=LEAD,
            title="On finished takes: how much of B comes with its weights there, and goes with A’s",
        )
    ]
    if found.grafts:
        tables.append(_grafts(found.grafts))
    told = f"The weights of {len(found.parts)} places differ." if len(found.parts) != 1 else "One place alone differs."
    return View("places", "Which place carries the change", [(told, "observed")], tables, depth="first")


def _grafts(rows: Sequence[GraftRow]) -> Table:
    cells = tuple(
        (
            " and ".join(row.parts) + (" (for comparison)" if row.control else ""),
            f"{row.same} of {row.takes}",
            _measured(row.brings),
            _measured(row.brings_tempo),
        )
        for row in rows
    )
    columns = ("A with B’s weights in", "B’s very take", "heard: way to B", "tempo: way to B")
    badges = tuple("verified" if row.verified else "tested" for row in rows)
    return Table(columns, cells, badges=badges, title="In fresh takes")  # type: ignore[arg-type]


def _measured(part: Measured | None) -> str:
    return "" if part is None else _share(part)


def _likeness(found: Comparison) -> View:
    changed = [row for row in found.likeness if row.cka < ALIKE]
    first = changed[0].location if changed else ""
    told = (
        f"On the same codes, {len(changed)} of {len(found.likeness)} places do something else in B, the first of them "
        f"{first}."
        if changed
        else "On the same codes, every place does what it did."
    )
    rows = tuple(
        (
            row.location,
            "" if row.other == row.location else row.other,
            f"{row.cka:.3f}",
            f"{row.matched:.2f}" + ("" if row.matched_by_chance is None else f" ({row.matched_by_chance:.2f})"),
            "" if row.in_place is None else f"{100 * row.in_place:.0f} %",
            _moved(row),
        )
        for row in found.likeness
    )
    columns = ("place", "most like", "CKA", "units matched (by chance)", "in place", "moved most")
    table = Table(columns, rows, kinds=("unit", "unit", "text", "text", "text", "text"), lead=2 * LEAD)
    note = (
        "Units matched: the mean correlation of live units with their best match in B; by chance, the same where what "
        "B does is out of step. In place: units whose best match in B has the same address. Units of the residual "
        "stream are dimensions."
    )
    return View("likeness", "What units do on the same codes", [(told, "observed"), (note, None)], [table])


def _moved(row: LikenessRow) -> str:
    return ", ".join(f"{one.unit.partition(':')[2]} ({one.in_place:.2f})" for one in row.moved[:HEARD_SHOWN])


def _bookmarks(found: Comparison) -> View:
    changed = sum(row.changed for row in found.bookmarks)
    rows = tuple(
        (
            row.name,
            row.unit,
            "" if row.in_place is None or not row.active else f"{row.in_place:.2f}",
            f"{row.nearest} ({row.correlation:.2f})" if row.active else "",
            "not active here" if not row.active else "changed" if row.changed else "as it was",
        )
        for row in found.bookmarks
    )
    columns = ("bookmark", "unit", "like itself", "most like", "now")
    table = Table(columns, rows, kinds=("text", "unit", "text", "text", "text"))
    told = f"{changed} of {len(found.bookmarks)} bookmarked units changed."
    if still := sum(not row.active for row in found.bookmarks):
        them = "it" if still == 1 else "them"
        told += f" {still} did nothing in either on these codes, so nothing is known of {them}."
    return View("bookmarks", "Bookmarked units", [(told, "observed")], [table])


def _made(found: Comparison) -> View:
    sides = [
        f"{name}: {side.name}"
        + (f" ({side.source.description}, {side.source.fingerprint[:12]})" if side.source else "")
        for name, side in ((FIRST, found.first), (SECOND, found.second))
    ]
    told = [
        *sides,
        f"Heard by {found.judge.name}; {found.first.takes} takes of A and {found.second.takes} of B"
        + (f", {found.seconds:g} s each, from seed {found.seed} on; fresh takes follow." if found.seconds else "."),
        f"Made on {found.made}. Intervals, where there are any, are bootstraps over prompts; of how tempo words are "
        "followed, over genres.",
    ]
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")
