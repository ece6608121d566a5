"""Steering as a file: which units of which model are multiplied by what while it plays, and what that was measured to
do.

A neuron or a head of the network that plays is read by one linear layer. Multiplying it is multiplying that layer's
columns, so steering is a change of weights: it holds wherever the model plays, and costs nothing. It acts at all
positions: in a model whose prompt is a prefix, at the prompt's as well, where an edit leaves these alone. Units of the
text encoder are not steered: an edit acts at the words alone, and weights would act at every token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.stats import Effect, Share
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator
from tonescope.models.units import Location, Unit

FORMAT = 1
LARGEST_FILE = 2**20  # bytes
MOST_UNITS = 10_000
MARK = " + steering"  # in the name of a steered generator


class Steering(BaseModel):
    """Units and a factor.

    Attributes:
        model: what the generator is called; ``generator``, its fingerprint.
        units: addresses of units, or of whole locations.
        factor: what their activations are multiplied by.
        prompt, intended: what it was made for.
        matched, before: fresh takes heard as meant, steered and not; ``random``, with random units multiplied alike.
        effect: change of the log-odds of the genre meant; ``ruined``, of how many fresh takes the sound broke;
            ``spectrum_db``, how far the sound is from the same takes unsteered.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    format: int = FORMAT
    made: str
    model: str
    generator: str
    units: list[str] = Field(min_length=1, max_length=MOST_UNITS)
    factor: float = Field(ge=-100, le=100)
    prompt: str
    intended: str
    matched: Share | None = None
    before: Share | None = None
    random: Share | None = None
    effect: Effect | None = None
    ruined: int = 0
    spectrum_db: Effect | None = None

    def targets(self, generator: Generator) -> tuple[Unit | Location, ...]:
        """Its units in a generator. Raises :class:`TonescopeError` for one that this lacks."""
        return tuple(generator.unit(name) if ":" in name else generator.location(name) for name in self.units)

    def edit(self, generator: Generator) -> Edit:
        """The same as an edit, for takes that are played beside others."""
        return Edit(self.targets(generator), "scale", self.factor)

    def save(self, path: Path) -> None:
        """Write it, whole."""
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Steering:
        """Read what :meth:`save` wrote. Raises :class:`TonescopeError` for anything else."""
        try:
            if not path.is_file() or path.stat().st_size > LARGEST_FILE:
                raise ValueError("no file, or too large")
            found = cls.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError, RecursionError) as error:
            raise TonescopeError(
                f"{str(path)[:200]} is no steering file; tonescope suggest --steering --out FOLDER writes one "
                "(FOLDER/steering.json)."
            ) from error
        if found.format != FORMAT:
            raise TonescopeError(
                f"{str(path)[:200]} is a steering file of format {found.format}, and this Tonescope reads {FORMAT}; "
                "make it anew."
            )
        return found


def apply_steering(generator: Generator, steering: Steering) -> None:
    """Change the weights of a generator so that it plays steered from now on; its name and fingerprint say so.

    Raises:
        TonescopeError: the steering is of another model, or of places that no linear layer reads; nothing is changed
            then.
    """
    if steering.generator != generator.fingerprint():
        raise TonescopeError(
            f"the steering was made for {steering.model} (fingerprint {steering.generator}), and {generator.name} is "
            "another model, in which the same units mean other things; open that model, or make a steering for this "
            "one."
        )
    with torch.no_grad():
        for weight, columns in _read_by(generator, steering.targets(generator)):
            weight[:, columns] *= steering.factor
    told = json.dumps([generator.fingerprint(), sorted(steering.units), steering.factor])
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    generator.name = f"{generator.name}{MARK}"
    generator.fingerprint = lambda: name  # type: ignore[method-assign]


@contextmanager
def steered(generator: Generator, targets: tuple[Unit | Location, ...], factor: float) -> Iterator[None]:
    """Within the block the generator plays as a file of these units would make it play; after it, its weights are bit
    for bit what they were.

    Raises:
        TonescopeError: as :func:`apply_steering`.
    """
    changes = _read_by(generator, targets)
    kept = [weight[:, columns].clone() for weight, columns in changes]
    try:
        with torch.no_grad():
            for weight, columns in changes:
                weight[:, columns] *= factor
        yield
    finally:
        with torch.no_grad():
            for (weight, columns), before in zip(changes, kept, strict=True):
                weight[:, columns] = before


def _read_by(generator: Generator, targets: tuple[Unit | Location, ...]) -> list[tuple[Tensor, Tensor]]:
    """The weights that read the units, and their columns. Raises :class:`TonescopeError` where no linear layer does."""
    edit = Edit(targets, "scale")
    changes = []
    for location in sorted(edit.locations):
        place = generator.place(location)
        columns = edit.columns(generator, location)
        if location.network == "text":
            raise TonescopeError(
                f"{location} is in the text encoder, which a steering file leaves as it is; use units of the network "
                "that plays, or tonescope edit --kind scale."
            )
        if place.side != "input" or not isinstance(place.module, nn.Linear):
            raise TonescopeError(
                f"{location} is read by more than one linear layer, so it cannot be steered by a file; use neurons or "
                "heads, or tonescope edit --kind scale."
            )
        weight = place.module.weight.detach()  # the same numbers: whoever changes them changes the model
        changes.append((weight, columns.to(weight.device)))
    return changes
