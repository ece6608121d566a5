"""The artifacts that belong on the page of a unit or a location: what techniques rendered of it, the newest first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from pydantic import BaseModel

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.microscope.artifact_views import TITLES, asked
from tonescope.diagnose.microscope.microscope import NEUTRAL
from tonescope.diagnose.microscope.music_words import music_words
from tonescope.diagnose.store.artifact_catalogue import ArtifactCatalogue, Listed

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.session import Session

AS_CURVES = frozenset({"tuning"})  # techniques whose artifacts stand on a page as curves
MOST = 12


class ArtifactRow(BaseModel):
    """An artifact: the name it is kept under, what made it, what was asked, and the day."""

    artifact: str
    technique: str
    title: str
    asked: str
    day: str
    sounds: bool

    @classmethod
    def of(cls, one: Listed) -> ArtifactRow:
        """From the header of its file."""
        return cls(
            artifact=one.key,
            technique=one.technique,
            title=TITLES.get(one.technique, one.technique.capitalize()),
            asked=asked(one.parameters).removeprefix("Asked: ").rstrip("."),
            day=time.strftime("%Y-%m-%d", time.localtime(one.made)),
            sounds=one.sounds,
        )


def artifacts_of(catalogue: ArtifactCatalogue, session: Session, place: str, *, anybodys: bool = False) -> list[Listed]:
    """Those of a place in the models of a session.

    Args:
        anybodys: whether those of prompts and words that somebody chose are among them, as for who has the machine.
    """
    models = {"generator": session.generator.fingerprint(), "judge": session.judge.fingerprint()}
    made = {row.name for row in job_registry.ROWS if row.kind == "technique"} - AS_CURVES
    found = [one for one in catalogue.about(place, models) if one.technique in made]
    return [one for one in found if anybodys or _is_usual(one, session)][:MOST]


def _is_usual(one: Listed, session: Session) -> bool:
    """Whether an artifact is of no prompt or words of somebody's own; those are shown in their runs alone."""
    words = music_words(session.judge.labels, session.vocabulary)
    return one.parameters.get("prompt", NEUTRAL) in ("", NEUTRAL) and one.parameters.get("words", words) == words
