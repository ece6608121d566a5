"""Lenses: what can be started from the page of a unit, a location or the model, as a run of one's own.

A lens is a job with its place filled in. Of its other parameters a visitor sets those that the lens names, and no
others: none that names a file of the machine that serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.jobs.parameters import Positional, Range, marked
from tonescope.diagnose.store.run_list import Run
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location
from tonescope.ui.components.kept_files import files_of, kept_files
from tonescope.ui.workshop import Workshop

About = Literal["unit", "location", "model"]


@dataclass(frozen=True)
class Lens:
    """One way to look.

    Attributes:
        name: how it is asked for; ``job``, which does it.
        about: what it looks at; ``place``, the parameter that says so, with a list where that takes several.
        title: what its button says; ``told``, what comes of it.
        fields: parameters that can be chosen; ``fixed``, those that are the lens's own; ``without_clip``, those that
            count only where no clip is given.
        not_for: networks that it cannot look at.
        only_causal: whether it is of use only where the place takes part in playing.
    """

    name: str
    job: str
    about: About
    place: str
    title: str
    told: str
    fields: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    without_clip: tuple[str, ...] = ()
    listed: bool = False
    not_for: tuple[str, ...] = ()
    only_causal: bool = False

    def suits(self, location: Location | None) -> bool:
        """Whether it can look at a place."""
        if location is None:
            return self.about == "model"
        return location.network not in self.not_for and (location.site.causal or not self.only_causal)


LENSES = (
    Lens(
        "visualize",
        "visualize",
        "unit",
        "unit",
        "Make the sound that drives it",
        "A sound that takes the unit as far as it goes, beside what it does in real takes.",
        ("objective", "side", "prompt"),
        not_for=("text",),
    ),
    Lens(
        "words",
        "words",
        "unit",
        "unit",
        "Find the words that drive it",
        "A scan over words of music, then a search over short prompts; measured in takes.",
    ),
    Lens(
        "tuning",
        "tuning",
        "unit",
        "unit",
        "Play it synthetic sounds",
        "What it responds to in families of tempo, pitch, chords, drums, instruments; in a prompt or clip of yours.",
        ("prompt", "clip"),
    ),
    Lens(
        "name",
        "show",
        "unit",
        "place",
        "Look for its name",
        "Curves and names of the whole location, each scored on sounds that did not choose it. Needs an index.",
        fixed={"full": True},
    ),
    Lens(
        "mute",
        "edit",
        "unit",
        "where",
        "Mute it, and hear",
        "Takes of a prompt as they are and with the unit muted, beside random units.",
        ("prompt",),
        {"kind": "mean"},
        listed=True,
        not_for=("judge",),
        only_causal=True,
    ),
    Lens(
        "dream",
        "dream",
        "location",
        "location",
        "Dream",
        "More of what goes on here: in your clip, or without one in what is played when nobody asks, or in noise.",
        ("clip", "start", "strength"),
        without_clip=("start",),
        not_for=("text",),
    ),
    Lens(
        "caricature",
        "caricature",
        "location",
        "location",
        "Caricature a clip",
        "A new sound that does here what a clip of yours does, exaggerated.",
        ("clip",),
        not_for=("text",),
    ),
    Lens(
        "index",
        "index",
        "location",
        "location",
        "Listen to a corpus with it",
        "What every unit here does over the composed pieces: examples, statistics, histograms.",
        listed=True,
        not_for=("text",),
    ),
    Lens(
        "find",
        "find",
        "model",
        "",
        "Find units",
        "Units by what they respond to (kick, slow tempo, accordion), or by a statistic (sparsest).",
        ("query",),
    ),
    Lens(
        "layers",
        "layers",
        "model",
        "",
        "Hear every layer",
        "The sound of a prompt at every depth, and where drums, bass, chords and lead can be read.",
        ("prompt",),
        {"stems": True},
    ),
)
"""Those whose words and fields were chosen; all other techniques are lenses without fields."""
CLIP = "clip"  # a field that takes a file
CHOICES = {"objective": ("channel", "neuron")}  # of fields that take more where they are typed
PLACES: Mapping[str, About] = {"unit": "unit", "location": "location"}  # arguments that say what a technique looks at


def every_lens() -> list[Lens]:
    """All lenses: those that are written here, and every further technique whose argument is a unit or a location."""
    known = {lens.job for lens in LENSES}
    found = list(LENSES)
    for row in job_registry.ROWS:
        if row.kind != "technique" or row.name in known:
            continue
        about = row.load().parameters.model_fields
        places = [name for name, field in about.items() if marked(field, Positional) and name in PLACES]
        others = [name for name, field in about.items() if field.is_required() and name not in places]
        if len(places) == 1 and not others:
            found.append(Lens(row.name, row.name, PLACES[places[0]], places[0], row.name.capitalize(), row.help))
    return found


def lens_jobs() -> frozenset[str]:
    """The jobs of all lenses."""
    return frozenset(lens.job for lens in every_lens())


def lenses_of(about: About, location: Location | None) -> list[Lens]:
    """Those that can look at a place."""
    return [lens for lens in every_lens() if lens.about == about and lens.suits(location)]


@dataclass(frozen=True)
class LensField:
    """A field of a lens, for a form.

    Attributes:
        name: the parameter; ``told``, its help.
        choices: what can be chosen, if it is one of a few; ``low`` and ``high``, if it is a number.
        usual: what stands in it.
        needed: whether the job cannot do without.
    """

    name: str
    told: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    usual: str = ""
    needed: bool = False
    is_file: bool = False


def fields_of(lens: Lens) -> list[LensField]:
    """The fields of a lens, from the parameters of its job."""
    row = job_registry.find(lens.job)
    assert row is not None
    about = row.load().parameters.model_fields
    return [_field(name, about[name]) for name in lens.fields]


def _field(name: str, about: FieldInfo) -> LensField:
    kind, limits = about.annotation, marked(about, Range)
    choices = CHOICES.get(name, tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ())
    usual = "" if about.is_required() or about.default is None else str(about.default)
    return LensField(
        name,
        (about.description or "").strip(),
        choices,
        limits.low if limits else None,
        limits.high if limits else None,
        usual,
        about.is_required(),
        name == CLIP,
    )


def started(
    workshop: Workshop, owner: str, name: str, place: str, given: Mapping[str, Any], clip: Path | None = None
) -> Run:
    """Put a run of a lens in the queue, as a visitor may.

    Args:
        owner: whose it will be.
        name: of :data:`LENSES`.
        place: the unit or location; empty for the model.
        given: what was chosen, by field; an emptied one stands for what is usual.
        clip: a sound that was uploaded, which the run keeps.

    Raises:
        TonescopeError: there is no such lens, or it cannot be asked so.
    """
    job, asked = _asked(name, place, given, with_clip=clip is not None)
    if clip is None:
        return workshop.queue.submit(job, asked, owner)
    with kept_files(workshop.workspace, job, [clip]) as (run, folder):
        kept = next(folder.iterdir())
        try:
            return workshop.queue.submit(job, asked | {CLIP: str(kept)}, owner, name=run)
        except TonescopeError as error:  # where the server keeps it is nobody's business
            raise TonescopeError(str(error).replace(str(kept), "what was uploaded")) from error


def _asked(name: str, place: str, given: Mapping[str, Any], *, with_clip: bool = False) -> tuple[str, dict[str, Any]]:
    """The job of a lens, and what it is asked."""
    lens = next((one for one in every_lens() if one.name == name), None)
    if lens is None:
        known = ", ".join(one.name for one in every_lens())
        raise TonescopeError(f"“{name[:40]}” is no lens; use one of {known}.")
    if refused := [field for field in given if field not in lens.fields or field == CLIP]:
        raise TonescopeError(f"“{str(refused[0])[:40]}” cannot be chosen here; leave it out.")
    if bool(place.strip()) == (lens.about == "model"):
        wanted = "nothing but the whole model" if lens.about == "model" else f"a {lens.about}"
        raise TonescopeError(f"“{name}” looks at {wanted}; open its page, and start it there.")
    if with_clip and CLIP not in lens.fields:
        raise TonescopeError(f"“{name}” is told nothing by a clip; leave it out.")
    unused = lens.without_clip if with_clip else ()
    asked = {key: value for key, value in given.items() if value not in (None, "") and key not in unused}
    asked |= dict(lens.fixed)
    if lens.place:
        asked[lens.place] = [place.strip()] if lens.listed else place.strip()
    return lens.job, asked


def lens_of(run: Run) -> tuple[Lens, str] | None:
    """Which lens a run is, and of which place; ``None`` for runs that are none."""
    for lens in every_lens():
        fixed = all(run.parameters.get(name) == value for name, value in lens.fixed.items())
        if lens.job != run.job or not lens.place or not fixed:
            continue
        found = run.parameters.get(lens.place)
        places = found if isinstance(found, list) else [found]
        if len(places) == 1 and isinstance(places[0], str) and places[0]:
            return lens, places[0]
    return None


def again(workshop: Workshop, owner: str, run: Run) -> Run:
    """The run of a lens once more. Raises :class:`TonescopeError` for one that a visitor could not have started."""
    found = lens_of(run)
    lens, place = found or (next((one for one in every_lens() if one.job == run.job), None), "")
    if lens is None:
        raise TonescopeError(f"“{run.job}” cannot be run from here; start it on the command line.")
    given = {name: run.parameters.get(name) for name in lens.fields if name != CLIP}
    clips = files_of(workshop.workspace, run.name)
    return started(workshop, owner, lens.name, place, given, clips[0] if clips else None)
