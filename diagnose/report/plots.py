"""The figures of a diagnosis, as plotly's dictionaries: drawn once for the page and for the report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tonescope.diagnose.report.figure_look import ASKED, CONTROL, HEARD, INK, as_written, plotted, titled
from tonescope.diagnose.report.sentences import percent
from tonescope.diagnose.report.view import Figure
from tonescope.diagnose.stats import signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tonescope.diagnose.jobs.evidence import Evidence
    from tonescope.diagnose.schema import Diagnosis, GroupTest, Trial
    from tonescope.diagnose.stats import Effect, Share

FAINT, UNSURE = "#f3b49f", "#c9a79c"  # estimated; tested, and not sure
SHOWN_GENRES = 7
FEWEST_WORDS = 10
LONGEST_NAME = 28  # letters of an axis

Bars = tuple[str, list["Effect | None"], str]
"""A series of bars: its name, an effect for each place where there is one, and its colour."""
SHORT = "Each stretch is heard by itself, and may be less clear than the whole take."


def _short(text: str) -> str:
    return as_written(text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…")


def _errors(effects: Sequence[Effect]) -> dict[str, Any]:
    """Error bars; effects without an interval get none."""
    up = [effect.interval.high - effect.mean if effect.interval else 0.0 for effect in effects]
    return {"type": "data", "array": up, "color": INK, "thickness": 1, "width": 3}


# Names are categories even where they look like numbers or dates; the first stands on top.
_NAMES = {"type": "category", "autorange": "reversed"}
_SHARES = {"range": [-0.03, 1.03], "tickformat": ".0%", "dtick": 0.5}


def heard(diagnosis: Diagnosis, evidence: Evidence) -> Figure:
    """Probability of each genre: the mean as a bar, every take as a dot."""
    labels, mean, asked = evidence.labels, evidence.posterior.mean(0), diagnosis.intended.label
    best: list[int] = mean.argsort(descending=True)[:SHOWN_GENRES].tolist()
    if asked in labels and labels.index(asked) not in best:
        best[-1] = labels.index(asked)
    colours = {diagnosis.perceived.label: HEARD} | ({asked: ASKED} if asked else {})
    names = [as_written(labels[index]) for index in best]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": names,
        "x": mean[best].tolist(),
        "marker": {"color": [colours.get(labels[index], CONTROL) for index in best]},
        "name": "mean",
        "showlegend": False,
    }
    dots = [
        {
            "type": "scatter",
            "mode": "markers",
            "y": [name] * len(evidence.posterior),
            "x": evidence.posterior[:, index].tolist(),
            "marker": {"color": INK, "size": 6, "opacity": 0.6},
            "customdata": [take.seed for take in diagnosis.takes],
            "hovertemplate": "take %{customdata}: %{x:.2f}<extra></extra>",
            "showlegend": False,
        }
        for index, name in zip(best, names, strict=True)
    ]
    told = ", ".join(f"{labels[index]} {percent(float(mean[index]))}" for index in best)
    return Figure(
        "What is heard",
        plotted([bars, *dots], 90 + 30 * len(best), titled("probability") | {"range": [0, 1.02]}, _NAMES),
        f"Mean probability over {len(evidence.posterior)} takes: {told}.",
        "observed",
    )


def timeline(diagnosis: Diagnosis, evidence: Evidence) -> Figure:
    """Probability of the target of the contrast and of its foil over time, with the range over takes."""
    times, contrast, labels = evidence.timeline.centres, diagnosis.contrast, evidence.labels
    target = evidence.timeline.posterior[:, :, labels.index(contrast.target)]
    foil = evidence.timeline.posterior[:, :, labels.index(contrast.foil)] if contrast.foil else 1 - target
    traces: list[dict[str, Any]] = []
    told = []
    for name, rows, colour in ((contrast.target, target, HEARD), (contrast.other, foil, ASKED)):
        low, high, mean = rows.min(1).values.tolist(), rows.max(1).values.tolist(), rows.mean(1).tolist()
        span = {"x": [*times, *times[::-1]], "y": [*high, *low[::-1]], "fill": "toself", "fillcolor": colour}
        hidden = {"opacity": 0.15, "line": {"width": 0}, "showlegend": False, "hoverinfo": "skip"}
        line = {"x": times, "y": mean, "mode": "lines+markers", "line": {"color": colour, "width": 2.5}}
        traces += [{"type": "scatter", **span, **hidden}, {"type": "scatter", **line, "name": _short(name)}]
        told.append(f"{name} goes from {percent(mean[0])} to {percent(mean[-1])}, at most {percent(max(mean))}")
    return Figure(
        "Heard over time",
        plotted(traces, 280, titled("seconds"), titled("probability") | {"range": [0, 1.02]}),
        f"From {times[0]:.1f} to {times[-1]:.1f} s, {'; '.join(told)}. {SHORT}",
        "observed",
    )


def _change(diagnosis: Diagnosis) -> str:
    """The axis of effects: what is to its left, and to its right."""
    target, foil = diagnosis.contrast.target, diagnosis.contrast.foil
    left = f"towards “{_short(foil)}”" if foil else f"away from “{_short(target)}”"
    return f"← {left}<br>towards “{_short(target)}” →"


def _effects(diagnosis: Diagnosis, names: list[str], series: list[Bars]) -> dict[str, Any]:
    """Effects of what is left out as bars, one place a name."""
    names = [_short(name) for name in names]
    traces = []
    for name, effects, colour in series:
        known = [(place, effect) for place, effect in zip(names, effects, strict=True) if effect is not None]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "y": [place for place, _ in known],
                "x": [effect.mean for _, effect in known],
                "error_x": _errors([effect for _, effect in known]),
                "name": name,
                "marker": {"color": colour},
                "offsetgroup": "estimated" if colour == FAINT else "played",
            }
        )
    # Places stand in the order of the table, even where the first series lacks some.
    order = {"categoryorder": "array", "categoryarray": names}
    return plotted(traces, 120 + 34 * len(names), titled(_change(diagnosis)), _NAMES | order)


def _told(effects: dict[str, Effect]) -> str:
    return ", ".join(f"{name} {signed(effect.mean)}" for name, effect in effects.items())


def words(diagnosis: Diagnosis) -> Figure:
    """Each word's effect, estimated and (where it was left out) tested."""
    drivers = diagnosis.drivers.words
    rows = drivers[: max(FEWEST_WORDS, sum(row.verified is not None for row in drivers))]
    series: list[Bars] = [("estimated", [row.estimated for row in rows], FAINT)]
    series += _played([row.verified for row in rows], "left out")
    # Bars of equal names would fall on each other: a word that comes again gets its place in the prompt.
    often = Counter(_short(row.word) for row in rows)
    unique = [often[_short(row.word)] == 1 for row in rows]
    names = [
        row.word if alone else f"{row.word[: LONGEST_NAME - 13]} (letter {row.start + 1})"
        for row, alone in zip(rows, unique, strict=True)
    ]
    effects = {row.word: row.verified.effect if row.verified else row.estimated for row in rows}
    alt = f"The effect of leaving out each word: {_told(effects)}."
    return Figure("Without each word (further left is stronger)", _effects(diagnosis, names, series), alt)


def units(diagnosis: Diagnosis) -> Figure:
    """Units' effects one by one: as measured in the search, and in fresh takes where they were muted there."""
    rows = diagnosis.drivers.units
    series: list[Bars] = [("in the takes of the search", [row.searched for row in rows], FAINT)]
    series += _played([row.verified for row in rows], "muted alone")
    measured = {row.unit: row.verified.effect if row.verified else row.searched for row in rows}
    effects = {unit: effect for unit, effect in measured.items() if effect}
    alt = f"The effect of muting each unit: {_told(effects)}."
    return Figure(
        "Each muted alone (further left is stronger)", _effects(diagnosis, [row.unit for row in rows], series), alt
    )


def turned(diagnosis: Diagnosis) -> Figure:
    """The share of takes that are no longer heard as the target, for each thing that was taken away: more is
    stronger. Of the takes that were."""
    drivers, target = diagnosis.drivers, diagnosis.contrast.target
    rows: list[tuple[str, Trial, str]] = []
    if test := drivers.group:
        muted, colour = f"{_set_name(test)} muted", HEARD if test.convincing else UNSURE
        rows += [(muted, test.muted, colour), ("random ones muted", test.control, CONTROL)]
    for word in drivers.words:
        if word.verified:
            rows.append((f"without “{word.word}”", word.verified, HEARD if word.badge == "verified" else UNSURE))
    shares = [row.flipped for _, row, _ in rows]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": _apart([name for name, _, _ in rows]),
        "x": [share.value if share.total else 0.0 for share in shares],
        "error_x": _share_errors(shares),
        "text": [f"{share.count} of {share.total}" for share in shares],
        "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": [colour for _, _, colour in rows]},
        "showlegend": False,
    }
    told = ", ".join(f"{name} {share.count} of {share.total}" for (name, _, _), share in zip(rows, shares, strict=True))
    return Figure(
        f"How many takes stop being {target} (more is stronger)",
        plotted([bars], 100 + 34 * len(rows), titled("share of takes") | _SHARES, _NAMES),
        f"Takes that are no longer {target}: {told}.",
    )


def _set_name(test: GroupTest) -> str:
    return test.names[0] if len(test.names) == 1 else f"the {test.units} units"


def cut_points(diagnosis: Diagnosis, test: GroupTest) -> Figure:
    """The share of takes that are no longer heard as the target, by the second from which on the set is muted; 0 is
    from the start."""
    target = diagnosis.contrast.target
    points = {0.0: test.muted} | {cut.second: cut.trial for cut in diagnosis.drivers.cut_points}
    shares = {second: trial.flipped for second, trial in sorted(points.items()) if trial.flippable}
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(shares),
        "y": [share.value for share in shares.values()],
        "error_y": _share_errors(list(shares.values())),
        "text": [f"{share.count} of {share.total}" for share in shares.values()],
        "hovertemplate": "from %{x} s on: %{text}<extra></extra>",
        "line": {"color": HEARD, "width": 2.5},
        "marker": {"size": 9},
        "showlegend": False,
    }
    told = ", ".join(f"from {second:g} s on {share.count} of {share.total}" for second, share in shares.items())
    return Figure(
        f"How many takes stop being {target}, by when muting begins",
        plotted([line], 260, titled("muted from this second on"), titled("share of takes") | _SHARES),
        f"Takes that are no longer {target}, muted {told}.",
        "tested",
    )


def step_cuts(diagnosis: Diagnosis, test: GroupTest) -> Figure:
    """The share of takes that are no longer heard as the target, muted from a denoising step on, and until it; from 0
    on, and until the last, is in all steps."""
    target, cuts = diagnosis.contrast.target, diagnosis.drivers.step_cuts
    last = cuts[0].steps
    series = {
        "muted from this step on": {0: test.muted} | {cut.step: cut.from_on for cut in cuts},
        "muted until this step": {cut.step: cut.until for cut in cuts} | {last: test.muted},
    }
    lines, told = list[dict[str, Any]](), list[str]()
    for (name, points), colour in zip(series.items(), (HEARD, ASKED), strict=True):
        shares = {step: trial.flipped for step, trial in points.items() if trial.flippable}
        lines.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": list(shares),
                "y": [share.value for share in shares.values()],
                "error_y": _share_errors(list(shares.values())),
                "text": [f"{share.count} of {share.total}" for share in shares.values()],
                "hovertemplate": "step %{x}: %{text}<extra></extra>",
                "line": {"color": colour, "width": 2.5},
                "marker": {"size": 9},
            }
        )
        counts = ", ".join(f"{step}: {share.count} of {share.total}" for step, share in shares.items())
        told.append(f"{name}, {counts}")
    return Figure(
        f"How many takes stop being {target}, by the denoising steps in which it is muted",
        plotted(lines, 280, titled(f"denoising step, of {last}") | {"range": [-0.03 * last, 1.03 * last]}, _SHARES),
        f"Takes that are no longer {target}, by denoising step, of {last}: {'; '.join(told)}.",
        "tested",
    )


def _share_errors(shares: Sequence[Share]) -> dict[str, Any]:
    """Error bars of shares; of no takes, none."""
    up = [share.high - share.value if share.total else 0.0 for share in shares]
    down = [share.value - share.low if share.total else 0.0 for share in shares]
    look = {"color": INK, "thickness": 1, "width": 3}
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down} | look


def _apart(names: Sequence[str]) -> list[str]:
    """Names for an axis; bars of equal names would fall on each other."""
    short = [_short(name) for name in names]
    seen: Counter[str] = Counter()
    for place, name in enumerate(short):
        seen[name] += 1
        if seen[name] > 1:
            short[place] = f"{name} ({seen[name]})"
    return short


def doses(diagnosis: Diagnosis, test: GroupTest) -> Figure:
    """What the same units do at other strengths, what is not sure in paler dots; 1 is the take as it was generated."""
    from tonescope.diagnose.stats import Effect

    still = Effect(mean=0.0, interval=None, takes=0)
    played = {dose.scale: dose.trial.effect for dose in test.doses}
    controls = {dose.scale: dose.control.effect for dose in test.doses if dose.control}
    unsure = {dose.scale for dose in test.doses if dose.trial.badge == "tested"}
    series = [("the set", played, UNSURE)]
    if controls:
        series.insert(0, ("random ones", controls, CONTROL))
    traces = []
    for name, effects, colour in series:
        points = sorted((effects | {1.0: still}).items())
        sure = [UNSURE if scale in unsure else HEARD for scale, _ in points]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x": [scale for scale, _ in points],
                "y": [effect.mean for _, effect in points],
                "error_y": _errors([effect for _, effect in points]),
                "name": name,
                "line": {"color": colour, "width": 2},
                "marker": {"color": colour if colour == CONTROL else sure, "size": 9},
                "showlegend": bool(controls),
            }
        )
    told = _told({f"times {scale:g}": effect for scale, effect in sorted(played.items())})
    upright = _change(diagnosis).replace("←", "↓").replace("→", "↑")
    return Figure(
        "The same units turned down and up",
        plotted(traces, 280, titled("strength (1: as generated)"), titled(upright)),
        f"The effect of other strengths: {told}.",
        "tested",
    )


def _played(trials: Sequence[Trial | None], how: str) -> list[Bars]:
    """Trials as series of bars, those that are sure apart from the others."""
    series = []
    for badge, colour, told in (("verified", HEARD, "verified"), ("tested", UNSURE, "tested, not sure")):
        effects = [trial.effect if trial and trial.badge == badge else None for trial in trials]
        if any(effects):
            series.append((f"{how}: {told}", effects, colour))
    return series
