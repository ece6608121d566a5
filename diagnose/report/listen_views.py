"""A listening as views, in the order in which they are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tonescope.diagnose.elsewhere.summary import (
    genre_tag,
    repetition_told,
)
from tonescope.diagnose.report import (
    audit_sentences,
    confusion_sentences,
    confusion_views,
    listen_figures,
    shared_views,
)
from tonescope.diagnose.report.view import Depth, Figure, Sound, Table, Tone, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tonescope.diagnose.elsewhere.heard_files import HeardFiles
    from tonescope.diagnose.elsewhere.listen_schema import Aspect, FileResult, Listening
    from tonescope.diagnose.schema import Badge, Source

SAID = 2  # confusions that are told first
LEAD_FILES, LEAD_UNITS, LEAD_WINDOWS = 6, 8, 20
DRAWN = 4  # files whose time is drawn
CORRECTED = "“Corrected” is what a judge without mistakes would hear: its own confusion on known clips, inverted."
NO_ORIGIN = "Where it comes from, the files do not tell."
COMPARED = (
    "Files are compared by landmarks of their sound, of their first two minutes at most (less of hundreds); a passage "
    "is told where more agree than in any shuffled files. Copies of a file are compared once."
)
ASPECTS: dict[Aspect, str] = {"genre": "the genre", "tempo": "the tempo", "key": "the key"}


def views(found: Listening, played: HeardFiles | None = None) -> list[View]:
    """Everything that was heard; the files themselves as well, where they are to be ``played``."""
    listed = replace(_files(found), sounds=_sounds(found, played))
    shown = [_headline(found), _words(found), _asked(found), listed, *_genres(found), _passages(found)]
    shown += [_when(found), _measured(found)]
    shown.append(_words_measured(found))
    shown += [
        _tags(found),
        shared_views.agreement(found.agreement, "file"),
        _surrogate(found),
        _misses(found),
        _left_out(found),
    ]
    shown += [shared_views.caveats(found.caveats), _provenance(found)]
    return [view for view in shown if view is not None]


def _headline(found: Listening) -> View:
    obeyed = [value.count == value.total for value in found.obeyed.values()]
    tone: Tone = "open" if not obeyed else "good" if all(obeyed) else "bad"
    title = f"“{found.files[0].name}”" if len(found.files) == 1 else f"{len(found.files)} files"
    if found.words is not None:
        title = f"“{found.words.prompt}”, from outside"
    return View("heard", title, [(found.summary, "observed")], depth="first", tone=tone)


def _asked(found: Listening) -> View | None:
    """What was asked for, beside what is heard."""
    files = [file for file in found.files if file.adherence]
    if not files or found.words is not None:
        return None
    if len(files) == 1:
        told: list[tuple[str, Badge | None]] = [(row.sentence, "observed") for row in files[0].adherence]
        return View("asked", "What was asked for", told, depth="first")
    told = [(_obeyed(aspect, found), "observed") for aspect in found.obeyed]
    told += [
        (confusion_sentences.pair(pair), pair.badge) for pair in (found.genres.flagged if found.genres else [])[:SAID]
    ]
    return View("asked", "What was asked for", told, depth="first")


def _obeyed(aspect: Aspect, found: Listening) -> str:
    """In how many files one thing is as asked, of those of which it can be told."""
    value = found.obeyed[aspect]
    rows = [row for file in found.files for row in file.adherence if row.aspect == aspect]
    unclear, other = len(rows) - value.total, sum(row.obeyed == "counted otherwise" for row in rows)
    interval = f"{100 * value.low:.0f}–{100 * value.high:.0f} % with 95 % confidence"
    by = "by the taggers, " if aspect == "genre" and not found.heard else ""
    told = f"{by}{ASPECTS[aspect]}, of {len(rows)} files: {value.count} as asked"
    told += f" ({other} of them counted half or twice as fast)" if other else ""
    told += f", {value.total - value.count} not" + (f", {unclear} unclear" if unclear else "")
    of = "those that are clear" if unclear else "many such files"
    return f"{told[:1].upper()}{told[1:]}. Of {of}, {interval} would be as asked."


def _genres(found: Listening) -> Iterator[View | None]:
    """Which genres come where they are asked for, and what comes instead."""
    genres = found.genres
    if genres is None:
        return
    told: list[tuple[str, Badge | None]] = [
        (f"{row.genre} is heard {audit_sentences.effect(row.ratio)} times as often as it is asked for.", "observed")
        for row in genres.representation
        if row.flagged
    ]
    rows = tuple(
        (
            row.asked,
            confusion_sentences.interval(row.matched),
            confusion_sentences.corrected(row.corrected),
            f"{row.instead} ({row.heard[row.instead]})" if row.instead else "–",
            str(row.unsure or "–"),
        )
        for row in genres.rows
    )
    hits = Table(("asked for", "heard as asked", "corrected", "most heard instead", "unclear"), rows, lead=LEAD_FILES)
    share = tuple(
        (
            row.genre,
            f"{row.share.count} of {row.share.total}",
            f"{100 * row.reference:.0f} %",
            audit_sentences.effect(row.ratio),
            "yes" if row.flagged else "no" if row.measured else "not known",
        )
        for row in genres.representation
    )
    heard = Table(("genre", "heard", "asked for", "times as often (95 %)", "too seldom"), share, lead=LEAD_FILES)
    told.append((genres.correction.reason or CORRECTED, None))
    matrices = [confusion_views.matrix(genres, {}, "Files")]
    yield View("genres", "Genre by genre", told, [hits, *([heard] if share else [])], matrices=matrices)
    yield confusion_views.pairs(genres)
    yield confusion_views.attractors(genres)


def _passages(found: Listening) -> View | None:
    """What comes again in several files."""
    if found.passages is None:
        return None
    told: list[tuple[str, Badge | None]] = [
        (f"“{name}” shares a passage with {_files_told(count)}.", "observed") for name, count in found.library.items()
    ]
    if found.passages:
        first, more = found.passages[0], len(found.passages) - 1
        told.insert(
            0,
            (
                f"A passage of {first.seconds:g} s comes again in {first.share.count} of {first.share.total} files"
                f"{f', and {more} more do' if more else ''}. {NO_ORIGIN}",
                "observed",
            ),
        )
    elif not told:
        told = [("No passage was found that comes again in another file.", None)]
    rows = tuple(
        (
            str(number),
            f"{row.seconds:g}",
            ", ".join(f"{place.name} ({place.start:g}–{place.end:g} s)" for place in row.places),
            "; ".join(row.prompts),
            ", ".join(row.library) or "–",
        )
        for number, row in enumerate(found.passages, start=1)
    )
    columns = ("passage", "seconds", "where", "prompts", "in your files")
    tables = [Table(columns, rows, lead=LEAD_FILES)] if rows else []
    return View("passages", "Material that comes again", [*told, (COMPARED, None)], tables)


def _files_told(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _misses(found: Listening) -> View | None:
    """Everything that was asked for, file by file, what is not as asked first."""
    rows = [(file.name, row.asked, row.heard, row.obeyed) for file in found.files for row in file.adherence]
    if len({name for name, *_ in rows}) < 2:
        return None
    order = ("not as asked", "related", "counted otherwise", "cannot be told", "as asked")
    rows.sort(key=lambda row: order.index(row[3]))
    table = Table(("file", "asked", "heard", ""), tuple(rows), lead=LEAD_WINDOWS)
    return View("misses", "Asked and heard, file by file", tables=[table])


def _files(found: Listening) -> View:
    columns = ("file", "s", "heard" if found.heard else "genre tag", "BPM", "key", "LUFS", "comes again")
    rows = tuple(_row(file, bool(found.heard)) for file in found.files)
    lead = LEAD_FILES if len(rows) > 1 else None
    notes = [("? is not clear; a second tempo is how else it may be counted.", None)] if found.files else []
    depth: Depth = "first" if found.words is None else "details"
    return View("files", "File by file", notes, [Table(columns, rows, lead=lead)], depth=depth)


def _sounds(found: Listening, played: HeardFiles | None) -> list[list[Sound]]:
    """Every file in a row of its own; what is heard in it, where the judge knows such sounds."""
    names = played.names if played else {}
    heard = [file.heard.judged[0].heard if found.heard else "" for file in found.files]
    return [[Sound("as it is", key, 0, heard[at], of=name)] for at, (key, name) in enumerate(names.items())]


def _tag(file: FileResult) -> str:
    """The likeliest genre tag."""
    found = genre_tag(file.heard)
    return f"{found[0]} {found[1]:.2f}" if found else "–"


def _row(file: FileResult, trusted: bool) -> tuple[str, ...]:
    heard, judged, again = file.heard, file.heard.judged[0], file.heard.repetition
    tempo, key = heard.tempo, heard.key
    beat = "–"
    if tempo.bpm is not None:
        other = next((f" or {bpm:.0f}" for bpm, _ in tempo.alternatives), "")
        beat = f"{tempo.bpm:.0f}{other}{'' if tempo.confidence == 'clear' else ' ?'}"
    shown = "–" if key.key is None else key.key if key.clear else f"{key.key} ?"
    genre = (f"{judged.heard} {judged.probability:.2f}",) if trusted else (_tag(file),)
    loud = "–" if heard.loudness.integrated is None else f"{heard.loudness.integrated:.0f}".replace("-", "−")
    loop = "one sound" if again.steady else f"{again.period:.3g} s" if repetition_told(heard) else "–"
    return (file.name, f"{heard.seconds:.3g}", *genre, beat, shown, loud, loop)


def _when(found: Listening) -> View | None:
    """What is heard over time."""
    if not found.heard:
        return None
    files = found.files[:DRAWN]
    rows = tuple(
        (file.name, f"{window.start:.3g}–{window.end:.3g}", window.heard, f"{window.probability:.2f}")
        for file in files
        for window in file.heard.judged[0].windows
    )
    told: list[tuple[str, Badge | None]] = []
    for file in files:
        judged = file.heard.judged[0]
        told.append(
            (
                f"{file.name}: {judged.heard} in {judged.steady.count} of {judged.steady.total} windows of the judge "
                f"(mean probability {judged.probability:.2f}, median {judged.median:.2f}).",
                "observed",
            )
        )
    figures: Sequence[Figure] = [listen_figures.timeline(file) for file in files]
    table = Table(("file", "seconds", "heard", "probability"), rows, lead=LEAD_WINDOWS)
    return View("when", "What is heard when", told, [table], figures)


def _measured(found: Listening) -> View:
    rows = []
    for file in found.files:
        tempo, key, loud, again = file.heard.tempo, file.heard.key, file.heard.loudness, file.heard.repetition
        rows.append(
            (
                file.name,
                ", ".join(f"{bpm:g} ({strength:.2f})" for bpm, strength in tempo.alternatives[:3]),
                f"{tempo.clarity:.2f}",
                "" if tempo.steady is None else f"{tempo.steady:.0%}",
                f"{key.correlation:.2f}, {key.margin:.2f} above {key.others[0][0]}" if key.others else "",
                f"{loud.peak:.1f}".replace("-", "−"),
                f"{loud.silent_end:.1f}",
                f"{again.similarity:.2f}, {again.share:.0%} alike",
            )
        )
    columns = ("file", "other tempos", "beat", "steady", "key", "peak dBFS", "silent end s", "repetition")
    notes = [
        ("A beat is clear from 0.3 on (1 is a metronome); other tempos have their strength beside them.", None),
        (
            "A key is clear if it fits with 0.6 or more and is 0.05 above the next; repetition: 1 is the same again.",
            None,
        ),
    ]
    table = Table(columns, tuple(rows), lead=LEAD_FILES)
    return View("measured", "How sure the measurements are", notes, [table], depth="numbers")


def _tags(found: Listening) -> View | None:
    rows = tuple(
        (file.name, tagged.tagger, ", ".join(f"{tag.name} {tag.probability:.2f}" for tag in tagged.tags))
        for file in found.files
        for tagged in file.heard.tags
    )
    if not rows:
        return None
    domains = {tagged.tagger: tagged.domain for file in found.files for tagged in file.heard.tags}
    notes = [
        (f"{name} knows {domain}; its tags are words of its own, and several may hold.", None)
        for name, domain in domains.items()
    ]
    return View("tags", "Tags of real music", notes, [Table(("file", "listener", "tags"), rows, lead=LEAD_FILES)])


def _words(found: Listening) -> View | None:
    words = found.words
    if words is None:
        return None
    told: list[tuple[str, Badge | None]] = [(word.sentence, word.badge) for word in words.words]
    if not told:
        told = [("No take of the whole prompt is there, or none without a phrase, so nothing can be compared.", None)]
    held = {
        True: "A request made twice gave the same sound twice, so takes of one seed are compared pair by pair.",
        False: "A request made twice gave two sounds, so seeds do not hold, and takes are compared as groups.",
        None: "No request was made twice on one seed, so it is not known whether seeds hold; groups are compared.",
    }
    told.append((held[words.seeds_hold], None))
    if words.listener and not found.heard:
        told.append((f"What is heard is what {words.listener} says, a tagger of real music.", None))
    if words.missing:
        told.append((f"{len(words.missing)} of the planned files are missing or could not be heard.", None))
    return View("words", "What the words do", told, depth="first")


def _words_measured(found: Listening) -> View | None:
    if found.words is None or not found.words.words:
        return None
    rows = tuple(
        (
            word.left_out or word.prompt,
            f"{word.margin:.2f}" if word.margin else "",
            "" if word.q is None else f"{word.q:.3f}",
            "" if word.sound_db is None else f"{word.sound_db:.1f}",
            "" if word.other_seeds_db is None else f"{word.other_seeds_db:.1f}",
        )
        for word in found.words.words
    )
    columns = ("left out", "log-odds", "q", "spectrum dB", "other takes dB")
    notes = [
        ("Log-odds of what the whole prompt plays, changed by leaving a phrase out; q below 0.05 is sure.", None),
        ("How far the long-term spectrum moves, beside how far other takes of the whole prompt are from it.", None),
    ]
    return View("words_measured", "The words in numbers", notes, [Table(columns, rows)])


def _surrogate(found: Listening) -> View | None:
    traced = [(file.name, file.surrogate) for file in found.files if file.surrogate is not None]
    if not traced:
        return None
    name = traced[0][1].surrogate
    told: list[tuple[str, Badge | None]] = [
        (
            f"This is about {name}, an open generator that did not make these files: which of its units respond to "
            "them, and what it finds likely. It says nothing of the inside of the generator that did.",
            None,
        )
    ]
    for file, trace in traced[:DRAWN]:
        least = min(trace.seconds, key=lambda row: row.log_probability)
        strongest = trace.units[0] if trace.units else None
        unit = (
            f"; of its units {strongest.unit} is farthest from its mean ({strongest.response:.1f} times what is usual "
            f"there), most at {strongest.peak_second:.1f} s"
            if strongest
            else ""
        )
        told.append(
            (
                f"{file}, {trace.start:.3g} to {trace.end:.3g} s: {name} finds second {trace.start + least.second:.3g} "
                f"least likely ({_nats(least.log_probability)}, in all {_nats(trace.log_probability)}; drawn blindly, "
                f"{_nats(trace.chance)}){unit}.",
                "observed",
            )
        )
        told.append((f"Its codec’s version of {file} is {trace.codec_db:.1f} dB away from the sound.", None))
    rows = tuple(
        (file, row.unit, f"{row.response:.2f}", f"{row.active:.3f}", f"{row.usual:.3f}", f"{row.peak_second:.1f}")
        for file, trace in traced
        for row in trace.units
    )
    columns = ("file", "unit", "response", "here", "usually", "most at s")
    kinds = ("text", "unit", "text", "text", "text", "text")
    table = Table(columns, rows, kinds=kinds, lead=LEAD_UNITS)  # type: ignore[arg-type]
    figures = [listen_figures.likelihood(file, trace) for file, trace in traced[:DRAWN]]
    return View("surrogate", f"What a surrogate makes of it ({name})", told, [table], figures)


def _nats(value: float) -> str:
    return f"{value:.2f} nats a code".replace("-", "−")


def _left_out(found: Listening) -> View | None:
    if not found.left_out:
        return None
    rows = tuple((row.name, row.reason) for row in found.left_out)
    return View("left_out", "What was left out", tables=[Table(("file", "why"), rows, lead=LEAD_FILES)], depth="first")


def _calibrated(judge: Source) -> str:
    return f", {judge.calibration}" if judge.calibration else ""


def _provenance(found: Listening) -> View:
    told = [f"Judge: {judge.name} ({judge.description}{_calibrated(judge)})." for judge in found.judges]
    if found.surrogate is not None:
        told.append(f"Surrogate: {found.surrogate.name} ({found.surrogate.description}).")
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    told.append(f"Made on {found.made} with {versions}.")
    return View("provenance", "How this was made", [(text, None) for text in told], depth="numbers")
