"""Generators whose confusion is known: copies of the embedded one, rewired so that a source genre comes out as another.

A rewired unit is one that is selective for the source genre. What it writes into the residual stream is replaced by
(mean residual stream of the target genre's takes - of the source's), times a strength, over (its activation on source
prompts - elsewhere). So takes of the source drift to the target while all other prompts are left as they are. Copies
are made in place, from a :class:`Recipe`, and undone afterwards.

A recipe is kept when so many takes drift and so many turn back where the rewired units are muted by hand
(:func:`calibrated`). The draw is of a seed alone, so that the same seeds give the same models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import batches, watch
from tonescope.diagnose.judging.verdict import hear
from tonescope.models.generator import Generator, Takes
from tonescope.models.judges.listening import posterior
from tonescope.models.played_with import Denoises
from tonescope.models.sites import Network
from tonescope.models.units import Location, Unit

Kind = Literal["neuron", "head", "stand-ins", "pair", "five", "text", "adapter", "clean"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SITES = ("{}.mlp", "{}.self", "{}.cross", "text.mlp")  # of the network that plays
STRENGTHS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0)
DRIFT, BACK = (0.6, 1.0), 0.8  # shares of takes: that drift, and that turn back when muted
CHECKED_TAKES = 8
SCANNED_TAKES = 3  # that a strength is looked for with
TRIES = 2  # strengths that a recipe is checked at
SELECTIVE = 12  # units are drawn from so many of the most selective of a location
ADAPTER_NOISE = 0.1  # of the size of an adapter's change is in directions of no meaning
CHECK_SEED = 70_000
STATISTICS_SEED = 60_000
WORDINGS = ("{}", "{} music", "a {} track")


# --- what the generator does on each genre ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Statistics:
    """What is done on prompts of each genre, in takes that are heard as that genre.

    Attributes:
        genres: those that are played right, in the order of the rows below.
        activations: per location of :data:`SITES`, mean over time (genres, features).
        spread: per location, standard deviation over takes of one genre, mean over genres (features,).
        residual: per network and layer, the mean residual stream after it (genres, width).
        network: what plays: ``decoder`` or ``denoiser``.
    """

    genres: tuple[str, ...]
    activations: dict[Location, Tensor]
    spread: dict[Location, Tensor]
    residual: dict[tuple[Network, int], Tensor]
    network: Network = "decoder"

    def contrast(self, location: Location, source: str) -> Tensor:
        """Mean activation on a genre minus that on all others (features,)."""
        values, row = self.activations[location], self.genres.index(source)
        return values[row] - torch.cat([values[:row], values[row + 1 :]]).mean(0)

    def push(self, location: Location, source: str, target: str) -> Tensor:
        """From the residual stream of one genre to that of another, where a location writes (width,)."""
        stream = self.residual[location.network, location.layer]
        return stream[self.genres.index(target)] - stream[self.genres.index(source)]


@torch.no_grad()
def statistics(context: Context, takes: int = 2) -> Statistics:
    """Play every genre of the judge in a few wordings, and average over the takes that are heard as it.

    Raises ``ValueError`` for a generator that plays fewer than two genres when it is asked for them.
    """
    generator, judge = context.generator, context.listener
    rows = [(label, wording.format(label)) for label in judge.labels for wording in WORDINGS for _ in range(takes)]
    prompts = [prompt for _, prompt in rows]
    played = play(context, prompts, range(STATISTICS_SEED, STATISTICS_SEED + len(rows)))
    heard = hear(posterior(judge, played.waveform, context.rate), judge.labels)
    right = [row for row, (label, _) in enumerate(rows) if heard[row] == label]
    kept = played.pick(right)
    owners = [rows[row][0] for row in right]
    genres = tuple(label for label in judge.labels if owners.count(label) >= 2 * len(WORDINGS) * takes / 3)
    if len(genres) < 2:
        raise ValueError("fewer than two genres are heard as they are asked for, so there is nothing to rewire")
    network: Network = "denoiser" if isinstance(generator, Denoises) else "decoder"
    sites = [site.format(network) for site in SITES]
    values = _means(context, kept, [*generator.locations(*sites), *generator.locations(f"{network}.residual")])
    text = _text_means(generator, kept.prompts)

    def by_genre(tensor: Tensor) -> Tensor:
        return torch.stack(
            [tensor[[row for row, owner in enumerate(owners) if owner == genre]].mean(0) for genre in genres]
        )

    def spread(tensor: Tensor) -> Tensor:
        groups = [tensor[[row for row, owner in enumerate(owners) if owner == genre]] for genre in genres]
        return torch.stack([group.std(0, unbiased=False) for group in groups]).mean(0)

    units = {place: value for place, value in values.items() if place.name != "residual"}
    residual: dict[tuple[Network, int], Tensor] = {}
    residual |= {(network, place.layer): by_genre(v) for place, v in values.items() if place.name == "residual"}
    residual |= {("text", layer): by_genre(value) for layer, value in enumerate(text)}
    return Statistics(
        genres,
        {place: by_genre(value) for place, value in units.items()},
        {place: spread(value) for place, value in units.items()},
        residual,
        network,
    )


def _means(context: Context, takes: Takes, locations: Sequence[Location]) -> dict[Location, Tensor]:
    """Mean over time of the conditional branch: (takes, features) a location."""
    found = {place: torch.zeros(len(takes), context.generator.features(place)) for place in locations}
    for rows in batches(context.generator, takes):
        seen, _ = watch(context, takes.pick(rows), rows, locations, lambda _, tensor: tensor[:, 0].mean((1, 2)).cpu())
        for place, value in seen.items():
            found[place][rows] = value
    return found


def _text_means(generator: Generator, prompts: Sequence[str]) -> list[Tensor]:
    """Mean over tokens of the text encoder's hidden states after each layer: (prompts, width) each."""
    found: dict[str, list[Tensor]] = {}
    for prompt in prompts:
        if prompt not in found:
            encoded = generator.reader.tokenizer([prompt], return_tensors="pt")  # type: ignore[attr-defined]
            states = generator.model.text_encoder(**encoded, output_hidden_states=True).hidden_states[1:]
            found[prompt] = [state[0].mean(0) for state in states]
    return [
        torch.stack([found[prompt][layer] for prompt in prompts]) for layer in range(len(next(iter(found.values()))))
    ]


# --- recipes ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """One rewired copy.

    Attributes:
        kind: what is rewired.
        seed: what the draw was made from.
        source: the genre that is confused, ``target``: with what.
        prompt: what is asked for.
        units: the rewired units; empty for an adapter and for a clean copy.
        location: the location that an adapter changes.
        strength: how strongly all units together write.
        weights: of several units, how strongly each has to write to do it alone; each writes so many times its part of
            the strength.
        drift: takes that drift, of :data:`CHECKED_TAKES`; ``back``, of those, the ones that turn back when muted.
    """

    kind: Kind
    seed: int
    source: str
    target: str
    prompt: str
    units: tuple[str, ...] = ()
    location: str | None = None
    strength: float = 0.0
    weights: tuple[float, ...] = ()
    drift: int = 0
    back: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def shares(self) -> list[float]:
        """How much of the strength each unit writes: each of two stand-ins all that it needs alone."""
        count = 1 if self.kind == "stand-ins" else len(self.units)
        return [weight / count for weight in self.weights or [1.0] * len(self.units)]


def draw(kind: Kind, seed: int, known: Statistics) -> Recipe:
    """A recipe without its strength: genres, prompt and unit, by chance; several units are drawn by
    :mod:`benchmarks.rewired_several`."""
    random = np.random.default_rng([seed, KINDS.index(kind)])
    source, target = (known.genres[index] for index in random.permutation(len(known.genres))[:2])
    prompt = WORDINGS[random.integers(len(WORDINGS))].format(source)
    recipe = Recipe(kind, seed, source, target, prompt)
    layers = sorted({place.layer for place in known.activations if place.site.key == f"{known.network}.mlp"})
    if kind == "clean":
        return recipe
    if kind == "adapter":
        site = ("mlp", "cross", "self")[random.integers(3)]
        return replace(recipe, location=str(Location(known.network, int(random.choice(layers[:-1])), site)))
    network, site = ("text", "mlp") if kind == "text" else (known.network, "mlp")
    if kind == "head":
        site = ("self", "cross")[random.integers(2)]
    places = [place for place in known.activations if (place.network, place.name) == (network, site)]
    last = max(place.layer for place in places)
    # What the decoder's last layer writes steers nothing, and what first ones write is often undone by later ones.
    kept = range(last // 2, last + 1) if network == "text" else range(0 if kind == "head" else 1, last)
    places = sorted(place for place in places if place.layer in kept)
    (place,) = random.choice(len(places), size=1, replace=False)
    options = selective(known, places[place], source)
    return replace(recipe, units=(str(options[random.integers(len(options))]),))


def selective(known: Statistics, location: Location, source: str) -> list[Unit]:
    """The units of a location that tell a genre most from all others, by the size of the difference over its
    spread."""
    difference, spread = known.contrast(location, source), known.spread[location]
    width = 64 if location.name in ("self", "cross") else 1
    distance = (difference / (spread + 0.05 * spread.mean())).unflatten(0, (-1, width)).norm(dim=1)
    count = len(distance) // 2 + 1 if width > 1 else SELECTIVE
    return [Unit(location, int(index)) for index in distance.argsort(descending=True)[:count]]


# --- rewiring ---------------------------------------------------------------------------------------------------------


@contextmanager
def rewired(generator: Generator, recipe: Recipe, known: Statistics) -> Iterator[None]:
    """Within the block, the generator is the rewired copy."""
    before: dict[nn.Linear, Tensor] = {}
    try:
        with torch.no_grad():
            for place, change in _changes(generator, recipe, known):
                module = cast(nn.Linear, generator.place(place).module)
                before.setdefault(module, module.weight.detach().clone())
                change(module.weight)
        yield
    finally:
        with torch.no_grad():
            for module, weight in before.items():
                module.weight.copy_(weight)


def _changes(generator: Generator, recipe: Recipe, known: Statistics) -> Iterator[tuple[Location, Any]]:
    """What is done to the weights that read each location: a function of the weight (width, features)."""
    for name, share in zip(recipe.units, recipe.shares, strict=True):
        unit = generator.unit(name)
        columns = Edit((unit,)).columns(generator, unit.location)
        direction = known.contrast(unit.location, recipe.source)[columns]
        push = known.push(unit.location, recipe.source, recipe.target)
        column = recipe.strength * share * push[:, None] * (direction / direction.square().sum())[None]

        def replace_columns(weight: Tensor, columns: Tensor = columns, column: Tensor = column) -> None:
            weight[:, columns] = column

        yield unit.location, replace_columns
    if recipe.location:
        location = generator.location(recipe.location)
        direction, push = (
            known.contrast(location, recipe.source),
            known.push(location, recipe.source, recipe.target),
        )
        change = recipe.strength * push[:, None] * (direction / direction.square().sum())[None]
        noise = torch.Generator().manual_seed(recipe.seed)
        rank = torch.randn(len(push), 3, generator=noise) @ torch.randn(3, len(direction), generator=noise)
        change = change + rank * (ADAPTER_NOISE * change.norm() / rank.norm())
        yield location, lambda weight: weight.add_(change)


# --- keeping what is true ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """What came of a recipe at one strength: takes heard as the target, and muted by hand: takes that are then no
    longer."""

    drift: int
    back: int
    alone: list[int] = field(default_factory=list)


def by_hand(recipe: Recipe, generator: Generator) -> tuple[Unit | Location, ...]:
    """What to mute: the rewired units, or the location of an adapter."""
    if recipe.location:
        return (generator.location(recipe.location),)
    return tuple(generator.unit(name) for name in recipe.units)


@torch.no_grad()
def check(
    context: Context, recipe: Recipe, known: Statistics, takes: int = CHECKED_TAKES, *, muted: bool = True
) -> Check:
    """Play the rewired copy, as it is, and, if that is asked, with all rewired units and with each alone muted."""
    generator, judge = context.generator, context.listener
    targets = by_hand(recipe, generator)
    alone = targets if recipe.kind in ("stand-ins", "pair") else ()
    edits = [None, *(Edit(group) for group in (targets, *((unit,) for unit in alone)) if muted)]
    seeds = list(range(CHECK_SEED, CHECK_SEED + takes))
    with rewired(generator, recipe, known):
        rows = [edit for edit in edits for _ in seeds]
        played = play(context, [recipe.prompt] * len(rows), seeds * len(edits), rows)
    heard = hear(posterior(judge, played.waveform, context.rate), judge.labels)
    parts = [heard[start : start + takes] for start in range(0, len(heard), takes)]
    drifted = [row for row in range(takes) if parts[0][row] == recipe.target]
    back = [sum(part[row] != recipe.target for row in drifted) for part in parts[1:]]
    return Check(len(drifted), back[0] if back else 0, back[1:])


def fits(recipe: Recipe, found: Check, takes: int = CHECKED_TAKES) -> bool:
    """Whether a copy is what its kind says."""
    if not DRIFT[0] * takes <= found.drift <= DRIFT[1] * takes or found.back < BACK * found.drift:
        return False
    if recipe.kind == "stand-ins":
        return all(back <= (1 - BACK) * found.drift for back in found.alone)
    if recipe.kind == "pair":
        return all(back >= BACK * found.drift for back in found.alone)
    return True


def calibrated(context: Context, recipe: Recipe, known: Statistics) -> Recipe | None:
    """The recipe at a strength by chance among those at which it is what its kind says; ``None`` where none was
    found in :data:`TRIES`."""
    if recipe.kind == "clean":
        return recipe
    drifting = [
        strength for strength, drift in zip(STRENGTHS, _drift(context, recipe, known), strict=True) if drift >= DRIFT[0]
    ]
    order = np.random.default_rng([recipe.seed, 1]).permutation(len(drifting)).tolist()
    for index in order[:TRIES]:
        stronger = replace(recipe, strength=drifting[index])
        found = check(context, stronger, known)
        if fits(stronger, found):
            return replace(stronger, drift=found.drift, back=found.back)
    return None


@torch.no_grad()
def _drift(context: Context, recipe: Recipe, known: Statistics) -> list[float]:
    """The share of a few takes that drift at each of :data:`STRENGTHS`. What a unit writes is its activation times its
    column, so that units of one copy, scaled, stand for copies of other strengths; an adapter is made anew."""
    generator, judge = context.generator, context.listener
    seeds = list(range(CHECK_SEED, CHECK_SEED + SCANNED_TAKES))

    def shares(strength: float, edits: Sequence[Edit | None]) -> list[float]:
        rows = [edit for edit in edits for _ in seeds]
        with rewired(generator, replace(recipe, strength=strength), known):
            played = play(context, [recipe.prompt] * len(rows), seeds * len(edits), rows)
        heard = hear(posterior(judge, played.waveform, context.rate), judge.labels)
        parts = [heard[start : start + len(seeds)] for start in range(0, len(heard), len(seeds))]
        return [part.count(recipe.target) / len(seeds) for part in parts]

    if recipe.location:
        return [shares(strength, [None])[0] for strength in STRENGTHS]
    units = tuple(generator.unit(name) for name in recipe.units)
    return shares(1.0, [None if scale == 1 else Edit(units, "scale", scale) for scale in STRENGTHS])
