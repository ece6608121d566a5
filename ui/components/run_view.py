"""A run as HTML: how far it is, what was found so far, and what can be asked next. It needs no model.

All text of a run is escaped here or in :mod:`tonescope.diagnose.report.render_html`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup
from numpy.typing import NDArray

from tonescope.diagnose.report import render_html
from tonescope.diagnose.report.escaped_templates import templates_of
from tonescope.diagnose.report.labels import stage_told
from tonescope.diagnose.report.view import Figure, Sound, View
from tonescope.diagnose.report.view_data import BADGES
from tonescope.diagnose.runtime.run_queue import RunProgress
from tonescope.diagnose.store.run_files import TAKES, Content, StoredSounds
from tonescope.diagnose.store.run_list import Run
from tonescope.ui.components import pasted_line
from tonescope.ui.components.asking import OF_THE_SERVER, shared
from tonescope.ui.components.edit_fields import edit_fields

STARTS = {
    "diagnose": "Diagnose it that way",
    "edit": "Play that, and listen",
    "suggest": "Look for it",
    "contrast": "Find out why",
    "confusion": "Start it",
    "audit": "Start it",
}
RESUMED = ("confusion", "audit", "listen")  # jobs that go on where they were
OWN_PAGES = RESUMED  # jobs whose pages have no field for a prompt
MOST_TAKES = 32  # in a player
MOST_UNITS, MOST_WORDS = 12, 40  # that are offered to be asked about
MOST_LABELS = 5  # that have a button of their own: the likeliest beside the one that is heard
LONGEST_BUTTON = 60  # characters of a prompt on it
MOST_TOGETHER = 50  # units that are changed together by one
ENDED = {
    "failed": "This run failed.",
    "stopped": "This run was stopped.",
    "interrupted": "Tonescope was ended during this run; start it again.",
}
STARTING = "starting"
KEPT = "What was found until then is kept below."


@dataclass(frozen=True)
class ServedSounds:
    """The sounds of a run, by addresses on this server.

    ``address`` is the run's own.
    """

    stored: StoredSounds
    address: str

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.stored.rate

    def title(self, sound: Sound) -> str:
        """The heading of the row that a sound is in."""
        return self.stored.title(sound)

    def samples(self, sound: Sound) -> NDArray[Any]:
        """(samples,), or (samples, 2) of a stereo model."""
        return self.stored.samples(sound)

    def uri(self, sound: Sound) -> str:
        """Where its file is."""
        path = self.stored.path(sound)
        return f"{self.address}/audio/{self.stored.folder.name}/{path.name}"


@dataclass(frozen=True)
class Ask:
    """A button that starts a run made of the one that is shown, as :func:`tonescope.ui.components.asking.derived`
    reads it."""

    kind: str
    value: str
    told: str


@dataclass(frozen=True)
class Step:
    """What to try next: why, the buttons for it, a prompt to type instead, and the line for a shell."""

    told: str
    asks: Sequence[Ask] = ()
    prompt: str = ""
    line: str = ""


@dataclass(frozen=True)
class Listener:
    """Who judges on this server: its name, and the labels that it chooses between; ``unread``, parameters that the
    generator beside it has no use for."""

    name: str
    labels: Sequence[str]
    unread: Sequence[str] = ()


def prepare() -> None:
    """Do what is done once, before anybody waits for it with a first verdict."""
    import scipy.signal  # noqa: F401 – by which versions become equally loud

    nothing = Content(Path(), [View("", "", [("", "observed")], tone="open")], StoredSounds(Path(), 1, {}), False)
    html(Run("", "diagnose", {}), nothing, "", Listener("", []))


def mark(run: Run, content: Content) -> str:
    """What changes with what is shown of a run."""
    return f"{run.state}-{content.folder.name}-{content.changed}"


def progress_told(told: RunProgress, is_found: bool = False) -> str:
    """How far a run is, in one sentence; ``is_found``: whether anything is shown of it."""
    if told.state == "queued":
        place = "It is next" if told.place == 1 else f"Place {told.place} in the queue" if told.place else "It waits"
        starts = "" if told.starts_in is None else f"; it starts in {seconds_told(told.starts_in)}"
        return f"{place}{starts}."
    if told.state == "running":
        left = "" if told.seconds_left is None else f", {seconds_told(told.seconds_left)} left"
        left = ", nearly done" if told.seconds_left is not None and told.seconds_left < 1 else left
        return f"{round(100 * told.share)} %{left}. Now: {stage_told(told.stage) or STARTING}."
    kept = KEPT if is_found and told.state in ENDED else ""
    return " ".join(filter(None, [ENDED.get(told.state, ""), sentence_case(told.problem), kept]))


def sentence_case(problem: str) -> str:
    """A problem as a sentence of its own."""
    return problem[:1].upper() + problem[1:]


def badge(name: str) -> str:
    """How sure a sentence is, as it stands behind it in a list of runs; nothing where that is not known."""
    return f' <span class="badge {name}">{name}</span>' if name in BADGES else ""


def seconds_told(seconds: float) -> str:
    """A time to wait, as people say it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} min"


def html(run: Run, content: Content, address: str, listener: Listener, side: str = "") -> str:
    """What was found so far, from the verdict to everything folded.

    Args:
        run: which.
        content: its views and sounds.
        address: the run's own.
        listener: who can be asked about labels.
        side: put before the names of its parts, where it is shown beside another run: nothing is asked on then.
    """
    plays = ServedSounds(content.sounds, address)
    views = [replace(view, key=f"{side}{view.key}") for view in sorted(content.views, key=render_html.place_on_page)]
    return str(
        _template().render(
            views=views,
            folded=render_html.folded({view.depth for view in views}),
            part=render_html,
            player=lambda view: render_html.player(view, plays, most=MOST_TAKES, with_score=view.depth != "first"),
            figure=_figure,
            steps=lambda view: [_step(view, index, run, listener, side) for index in range(len(view.commands))],
            first_of=lambda view: replace(view, sentences=view.sentences[:1]) if _is_long(view) else view,
            rest_of=lambda view: replace(view, sentences=view.sentences[1:]) if _is_long(view) else None,
            without_commands=lambda view: replace(view, commands=[]),
            asks=None if side else _asks(run, content.result or {}, listener.labels),
            edits=edit_fields(shared(run), listener.labels, (*OF_THE_SERVER, *listener.unread)),
            matrices=lambda view: render_html.matrices(view, plays),
            is_next=lambda view: bool(view.commands) and not (view.sounds or view.tone),
            address="" if side else address,
            is_whole=content.is_whole,
            starts=run.job == "audit" and bool(run.parameters.get("dry_run")) and content.is_whole and not side,
            has_takes=(content.folder / TAKES).is_file(),
            steers=steering(content) is not None,
            Markup=Markup,
        )
    )


def steering(content: Content) -> dict[str, Any] | None:
    """What a repair found to steer by, as ``--steer`` reads it; nothing where it found none."""
    trial = (content.result or {}).get("steering")
    found = trial.get("steering") if isinstance(trial, dict) else None
    return found if isinstance(found, dict) else None


def _is_long(view: View) -> bool:
    """Whether the first sentence is enough to begin with."""
    return view.depth == "first" and not (view.tone or view.sounds or view.commands) and len(view.sentences) > 1


def _figure(figure: Figure) -> Markup:
    drawn = render_html.figure(figure)
    return Markup(drawn) if drawn else Markup('<p class="soft">{}</p>').format(figure.alt)


def _step(view: View, index: int, run: Run, listener: Listener, side: str) -> Step:
    """One of the things that a view tells to do next."""
    command = view.commands[index]
    asked = pasted_line.read(command.line, listener.name) if command.line and not side else None
    told = f"{command.told.rstrip(':.')}."
    if asked is None:
        return Step(told, line=command.line)
    prompt = asked.parameters.get("prompt", "")
    is_other = asked.job == "diagnose" and prompt != run.parameters.get("prompt")
    button = f"Diagnose “{prompt[:LONGEST_BUTTON]}”" if is_other else STARTS[asked.job]
    offered = prompt if is_other and run.job not in OWN_PAGES else ""
    return Step(told, [Ask("next", f"{view.key}:{index}", button)], offered, command.line)


def _asks(run: Run, result: Mapping[str, Any], labels: Sequence[str]) -> dict[str, list[Ask]]:
    """What can be asked about a diagnosis by one click; of an edit, what else its units could be."""
    if run.job != "diagnose" or not result:
        units = list(run.parameters.get("where") or []) if run.job == "edit" and result else []
        named = [",".join(units), *units] if 1 < len(units) <= MOST_TOGETHER else units
        return {"near": [], "foil": [], "word": [], "unit": [Ask("unit", unit, unit) for unit in named[:MOST_UNITS]]}
    heard = (result.get("contrast") or {}).get("target")
    drivers = result.get("drivers") or {}
    words = [word for word in drivers.get("words", []) if not word.get("in_pieces")][:MOST_WORDS]
    prompt = str(run.parameters.get("prompt", "")).strip()
    words = [word for word in words if word["word"].strip() != prompt]  # without it nothing is left to play
    units = [unit["unit"] for unit in drivers.get("units", [])][:MOST_UNITS]
    together = (drivers.get("group") or {}).get("names", [])
    both = [",".join(together)] if 1 < len(together) <= MOST_TOGETHER else []
    likely = [label for label in _likeliest(result) if label != heard and label in labels]
    return {
        "near": [Ask("foil", label, label) for label in likely[:MOST_LABELS]],
        "foil": [Ask("foil", label, label) for label in labels if label != heard],
        "word": [Ask("word", f"{word['start']}:{word['end']}", word["word"]) for word in words],
        "unit": [Ask("unit", unit, unit) for unit in dict.fromkeys([*both, *together[:MOST_UNITS], *units])],
    }


def _likeliest(result: Mapping[str, Any]) -> list[str]:
    """Labels: the one asked for, then those that the takes were most likely heard as."""
    shares: dict[str, float] = {}
    for take in result.get("takes", []):
        for label, share in take["posterior"].items():
            shares[label] = shares.get(label, 0.0) + share
    asked = (result.get("intended") or {}).get("label")
    return list(dict.fromkeys([*([asked] if asked else []), *sorted(shares, key=lambda label: -shares[label])]))


@lru_cache(maxsize=1)
def _template() -> Any:
    return templates_of(__package__).get_template("run_view.html.j2")
