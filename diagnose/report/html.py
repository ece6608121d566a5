"""One self-contained HTML page: the verdict, players, plots and tables, with nothing to fetch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tonescope.diagnose.jobs.diagnosis import Evidence
from tonescope.diagnose.jobs.verification_plan import CONTROL, MUTED
from tonescope.diagnose.report import plots, sentences
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.schema import Diagnosis
from tonescope.models.generator import Takes

SHOWN_TAKES = 8
MOST_SOUND = 40 * 2**20  # characters of sound in the page
SHOWN_WORDS = 4


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates of this package; everything that they are given is escaped."""
    environment = Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda value: f"{100 * value:.0f} %"
    return environment


def _plot(figure: go.Figure) -> Markup:
    return Markup(
        figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True})
    )


def shown(sounds: Sounds, takes: Takes, players: int) -> range:
    """The takes that a page has room for, where each has so many players."""
    fitting = MOST_SOUND // (players * len(sounds.uri(takes, 0)))
    return range(max(1, min(SHOWN_TAKES, fitting, len(takes))))


def render(diagnosis: Diagnosis, evidence: Evidence, labels: Sequence[str], sounds: Sounds) -> str:
    """The report as HTML. Everything that came from outside is escaped."""
    template = environment().get_template("report.html.j2")

    played = evidence.played

    def player(name: str, index: int) -> str:
        return sounds.uri(played.outcomes[name].takes, index)

    words = [word for word in diagnosis.drivers.words if word.verified][:SHOWN_WORDS]
    players = 4 + len(words)  # for each take: as generated; fresh, muted, random, and without each word
    heard = [
        (diagnosis.takes[index], sounds.uri(evidence.takes, index)) for index in shown(sounds, evidence.takes, players)
    ]
    changed = [
        dict(
            take=diagnosis.drivers.tested[index],
            sounds=[
                ("untouched", sounds.uri(played.clean.takes, index)),
                ("strongest units muted", player(MUTED, index)),
                ("random units muted", player(CONTROL, index)),
                *((f"without “{word.word}”", player(word.verified.variant, index)) for word in words if word.verified),
            ],
        )
        for index in shown(sounds, played.clean.takes, players)
    ]  # fmt: skip
    figures = dict(
        heard=_plot(plots.heard(diagnosis, evidence, labels)),
        timeline=_plot(plots.timeline(diagnosis, evidence, labels)),
        units=_plot(plots.units(diagnosis)),
    )
    if diagnosis.drivers.words:
        figures["words"] = _plot(plots.words(diagnosis))
    if diagnosis.drivers.group:
        figures["group"] = _plot(plots.group(diagnosis))
    if (doses := plots.doses(diagnosis)) is not None:
        figures["doses"] = _plot(doses)
    return template.render(
        d=diagnosis, heard=heard, changed=changed, figures=figures, plotly=Markup(get_plotlyjs()), say=sentences, most=SHOWN_TAKES,
    )  # fmt: skip
