"""Real examples: what the units of a location do in takes of ordinary prompts, so that what an ascent reaches can be
told as a percentile.

The prompts are those of the mean activations. Takes are played once for a model and kept; of a location, quantiles of
every unit are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.microscope.objectives import SIGNS, Kind, Side, unit_values
from tonescope.diagnose.microscope.sight import Sight
from tonescope.diagnose.store.artifacts import Artifact, ArtifactStore, Recipe
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.units import Location

TAKES_VERSION, STATISTICS_VERSION = 1, 3  # since 3, means are over parts of a given length
SEED = 91_000
TAKES_EACH = 2  # of every prompt
SECONDS = 4.0
QUANTILES = 1001  # one in a thousand, the least and the most among them
NEARLY = 99.99  # the highest percentile that is not beyond every example
EXAMPLES = "examples."  # what tensors of examples are called
BEST = 8  # examples that are known of every unit, at most, either way
DEAD = 1e-3  # of the usual range at the location: a unit that moves less never did anything


@dataclass(frozen=True)
class UnitStatistics:
    """What the units of one location do in real takes.

    Attributes:
        by_part: quantiles of the mean over parts of takes, as long as what is compared with them (quantiles, units).
        by_position: quantiles of single positions (quantiles, units).
        mean: (features,) over all positions, and ``square``, that of squares.
        means: what they do on average in each part (parts, units); ``spread``, the standard deviation of that, and
            ``position_spread``, of single positions (units,).
        examples: where units do most, and least, by kind and side: (examples, units, 2), the take and how far into
            it, 0 to 1, the most extreme first. Takes are ordered by what an objective of the kind measures.
        takes: how many takes that is; ``parts``, how many parts of them, and ``positions``, how many positions.
    """

    by_part: NDArray[np.float32]
    by_position: NDArray[np.float32]
    mean: Tensor
    square: Tensor
    means: Tensor
    spread: NDArray[np.float32]
    position_spread: NDArray[np.float32]
    examples: dict[str, Tensor]
    takes: int
    parts: int
    positions: int

    @classmethod
    def of(cls, features: Tensor, width: int, parts: Tensor | None = None) -> UnitStatistics:
        """From activations (takes, along, features), and what units do on average in parts of takes (parts, units); in
        whole takes, if there are none."""
        values = unit_values(features, width)
        parts = values.mean(1) if parts is None else parts
        means, single = parts.numpy(), values.flatten(0, 1).numpy()
        at = np.linspace(0, 1, QUANTILES)
        return cls(
            np.quantile(means, at, axis=0).astype(np.float32),
            np.quantile(single, at, axis=0).astype(np.float32),
            features.mean((0, 1)),
            features.square().mean((0, 1)),
            parts,
            means.std(0),
            single.std(0),
            {f"{kind}.{side}": _extremes(values, kind, side) for kind in get_args(Kind) for side in SIGNS},
            len(values),
            len(means),
            len(single),
        )

    def dead(self, unit: int) -> bool:
        """Whether a unit does next to nothing, whatever is played."""
        ranges = self.by_position[-1] - self.by_position[0]
        return bool(ranges[unit] <= DEAD * max(float(np.median(ranges)), 1e-12))

    def quantiles(self, kind: Kind, unit: int) -> NDArray[np.float32]:
        """Quantiles (quantiles,) of what an objective of this kind measures."""
        return (self.by_part if kind == "channel" else self.by_position)[:, unit]

    def scale(self, kind: Kind, unit: int) -> tuple[float, float]:
        """Median and standard deviation of what an objective of this kind measures."""
        spread = (self.spread if kind == "channel" else self.position_spread)[unit]
        return float(self.quantiles(kind, unit)[QUANTILES // 2]), max(float(spread), 1e-9)

    def percentile(self, kind: Kind, unit: int, value: float) -> float:
        """How much of the real examples lies below a value, in percent: 100 only above every one of them,
        and 0 only below."""
        return percentile_among(self.quantiles(kind, unit), value)

    def range(self, kind: Kind, unit: int) -> tuple[float, float]:
        """The least and the most of the real examples."""
        known = self.quantiles(kind, unit)
        return float(known[0]), float(known[-1])

    def example(self, kind: Kind, side: Side, unit: int, rank: int) -> tuple[int, float]:
        """A real take in which a unit does most (or least), and how far into it: the best of them for rank 0."""
        known = self.examples[f"{kind}.{side}"][:, unit]
        take, at = known[rank % len(known)].tolist()
        return int(take), at

    def sample(self, kind: Kind) -> int:
        """How many numbers the quantiles of this kind are of."""
        return self.parts if kind == "channel" else self.positions

    def tensors(self) -> dict[str, Tensor]:
        """To be kept."""
        arrays = {name: getattr(self, name) for name in ("by_part", "by_position", "spread", "position_spread")}
        sizes = torch.tensor([self.takes, self.parts, self.positions])
        kept = {"mean": self.mean, "square": self.square, "means": self.means, "sizes": sizes}
        kept |= {EXAMPLES + name: tensor for name, tensor in self.examples.items()}
        return {name: torch.from_numpy(array) for name, array in arrays.items()} | kept

    @classmethod
    def from_tensors(cls, kept: dict[str, Tensor]) -> UnitStatistics:
        """Inverse of :meth:`tensors`."""
        takes, parts, positions = kept["sizes"].tolist()
        examples = {name.removeprefix(EXAMPLES): kept[name] for name in kept if name.startswith(EXAMPLES)}
        return cls(
            by_part=kept["by_part"].numpy(),
            by_position=kept["by_position"].numpy(),
            mean=kept["mean"],
            square=kept["square"],
            means=kept["means"],
            spread=kept["spread"].numpy(),
            position_spread=kept["position_spread"].numpy(),
            examples=examples,
            takes=takes,
            parts=parts,
            positions=positions,
        )


def percentile_among(quantiles: NDArray[Any], value: float) -> float:
    """How much of what so many evenly spaced quantiles are of lies below a value, in percent: 100 only above every one
    of them, and 0 only below."""
    if value > quantiles[-1]:
        return 100.0
    if value < quantiles[0]:
        return 0.0
    below = np.searchsorted(quantiles, value, side="left"), np.searchsorted(quantiles, value, side="right")
    share = 100 * (below[0] + below[1] - 1) / 2 / (len(quantiles) - 1)
    return float(min(NEARLY, max(100 - NEARLY, share)))


def _extremes(values: Tensor, kind: Kind, side: Side) -> Tensor:
    """The takes in which units (takes, along, units) are most extreme, and where: (examples, units, 2)."""
    signed = values * SIGNS[side]
    peak = signed.max(1)
    measured = signed.mean(1) if kind == "channel" else peak.values
    takes = measured.topk(min(BEST, len(values)), dim=0).indices
    return torch.stack([takes, peak.indices.gather(0, takes) / values.shape[1]], -1).float()


@dataclass(frozen=True)
class RealExamples:
    """Real takes of a generator, and what its units (or those of a judge) do in them.

    Attributes:
        context: generator, judge, sampling and length of the takes.
        store: where takes and statistics are kept.
    """

    context: Context
    store: ArtifactStore

    def takes(self, advance: Callable[[float], None] | None = None) -> Takes:
        """:data:`TAKES_EACH` takes of every prompt, played now if they were not before."""
        sampling = self.context.sampling
        recipe = Recipe(
            "real takes",
            TAKES_VERSION,
            {"prompts": list(PROMPTS), "each": TAKES_EACH, "seed": SEED, "seconds": self.context.seconds}
            | {"guidance": sampling.guidance, "temperature": sampling.temperature, "top_k": sampling.top_k},
            {"generator": self.context.generator.fingerprint()},
        )
        prompts = [prompt for prompt in PROMPTS for _ in range(TAKES_EACH)]
        seeds = [SEED + row for row in range(len(prompts))]

        def played() -> Artifact:
            takes = play(self.context, prompts, seeds, advance=advance)
            return Artifact.of_takes(recipe, takes)

        return self.store.made(recipe, played).artifact.takes(prompts, seeds)

    def statistics(
        self, location: Location, seconds: float | None = None, advance: Callable[[float], None] | None = None
    ) -> UnitStatistics:
        """What the units of a location do.

        Args:
            seconds: length of the parts that means are over: that of what is compared with them. Whole takes, if it is
                absent or longer than they are.

        Raises:
            TonescopeError: an activation is not a number.
        """
        sight = Sight.at(self.context.generator, self.context.judge, [location])
        looking = {"generator": self.context.generator.fingerprint()}
        if location.network == "judge":
            looking["judge"] = self.context.listener.fingerprint()
        takes = self.takes(advance)
        drawn = hashlib.sha256(takes.waveform.numpy().tobytes()).hexdigest()[:16]
        part = None if seconds is None or seconds >= self.context.seconds else seconds
        asked = {"location": str(location), "takes": drawn, "part": part}
        recipe = Recipe("unit statistics", STATISTICS_VERSION, asked, looking)

        def counted() -> Artifact:
            features = sight.of_takes(takes)[location]
            if not torch.isfinite(features).all():
                raise TonescopeError(
                    f"{location} is not a number in places, so nothing can be compared with it; load the model in "
                    "float32 (half precision overflows) or check its weights."
                )
            width = sight.places.head_width(location)
            parts = None if part is None else self._parts(sight, takes, unit_values(features, width), part)
            found = UnitStatistics.of(features, width, parts)
            return Artifact(recipe, tensors=found.tensors())

        return UnitStatistics.from_tensors(dict(self.store.made(recipe, counted).artifact.tensors))

    def _parts(self, sight: Sight, takes: Takes, values: Tensor, seconds: float) -> Tensor:
        """What units (takes, along, units) do on average in parts of takes, side by side: (parts, units). What hears is
        given each part by itself, as it is given what is compared."""
        location, share = sight.locations[0], seconds / self.context.seconds
        if sight.hears:
            sound = _side_by_side(takes.waveform, 1, share)
            cut = Takes(("",) * len(sound), tuple(range(len(sound))), {}, sound)
            return unit_values(sight.of_takes(cut)[location], sight.places.head_width(location)).mean(1)
        by_step = values.unflatten(1, (self.context.generator.steps(location), -1))
        return _side_by_side(by_step, 2, share).mean((1, 2))


def _side_by_side(values: Tensor, along: int, share: float) -> Tensor:
    """(takes, …) cut into parts of a share of one dimension, parts in the place of takes, as many whatever the
    dimension; what is left over at the end of a take is not looked at."""
    count, whole = int(1 / share + 1e-6), values.shape[along]
    length = max(1, min(round(whole * share), whole // count))
    cut = values.narrow(along, 0, count * length).unflatten(along, (count, length))
    return cut.movedim(along, 1).flatten(0, 1)
