"""Stem probes: at which depth of what plays drums, bass, chords and lead can be read, and how well in the sound alone.

The composed pieces that come with Tonescope are passed through the network, teacher-forced. A linear probe (Alain and
Bengio 2016) of the residual stream after each layer, mean over half a second, tells whether a stem sounds there; the
composer knows (``composed_stems.json``, written by ``training.stem_table``). The same probe of the spectrum is what the
sound alone tells. Both are tested on pieces that they were not fitted on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.audio_files.decoding import resampled
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.stats import LEVEL
from tonescope.diagnose.store.artifacts import Artifact, Made, Recipe
from tonescope.diagnose.unit_index.composed_corpus import ComposedCorpus
from tonescope.diagnose.unit_index.listening_pass import ROWS, ListeningPass
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location

VERSION = 1
TABLE = "composed_stems.json"
STEMS = ("drums", "bass", "chords", "lead")
FOLDS = 5
RIDGE = 100.0  # how strongly the weights of a probe are held down, for features of unit variance
NEARLY = 0.95  # of the best layer's accuracy: the first layer that comes so near is told
DRAWS, SEED = 1000, 7
BANDS, FRAME = 48, 1024  # of the spectrum that is the sound alone

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Accuracy(BaseModel):
    """The share of windows that is told rightly, those with the stem and those without counted alike (chance is 0.5),
    on pieces that the probe was not fitted on; with its 95 % interval over pieces."""

    value: float
    low: float
    high: float

    @property
    def told(self) -> str:
        """In per cent, with the interval."""
        return f"{100 * self.value:.0f} % ({100 * self.low:.0f}–{100 * self.high:.0f})"


class StemDepth(BaseModel):
    """One stem: by layer, and of the ``sound`` alone. ``depth`` is the first layer that comes near the best (absent
    where none is better than chance), ``beyond``, how much better it is there than the sound alone."""

    stem: str
    layers: list[Accuracy]
    sound: Accuracy
    depth: int | None
    beyond: Accuracy | None


class StemProbes(BaseModel):
    """What was found, in so many ``windows`` of composed pieces."""

    pieces: int
    windows: int
    seconds: float
    stems: list[StemDepth]


@dataclass(frozen=True)
class _Table:
    """Which stems sound when: by piece and stem a digit a window of so many seconds."""

    window: float
    pieces: dict[str, dict[str, str]]
    mark: str


@cache
def _table() -> _Table:
    text = (resources.files(__package__) / TABLE).read_text(encoding="utf-8")
    return _Table(**json.loads(text), mark=hashlib.sha256(text.encode()).hexdigest()[:16])


def stem_probes(scope: Microscope) -> Made:
    """Fit the probes on a model, once; the ``result`` is a :class:`StemProbes`.

    Raises :class:`TonescopeError` for a generator that cannot be given sound, or shows no residual stream of what
    plays.
    """
    places = sorted(place for place in scope.generator.locations() if place.name == "residual" and place.site.causal)
    places = [place for place in places if place.network in ("decoder", "denoiser")]
    if not places:
        raise TonescopeError(
            f"{scope.generator.name} shows no residual stream of what plays, so no probe can be put on its layers; "
            "leave --stems out."
        )
    asked = {"table": _table().mark, "pieces": len(_table().pieces)}
    recipe = Recipe("stem probes", VERSION, asked, {"generator": scope.generator.fingerprint()})
    return scope.store.made(recipe, lambda: _fitted(scope, places, recipe))


def _fitted(scope: Microscope, places: list[Location], recipe: Recipe) -> Artifact:
    begun = time.perf_counter()
    known = _read(scope, places)
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(known.pieces, size=(DRAWS, known.pieces))
    stems = []
    for at, (stem, there) in enumerate(known.there.items()):
        scope.advance(f"fit probes ({stem})", 0.8 + 0.2 * at / len(known.there))
        sound, *layers = (_Tested.of(values, there, known.piece) for values in (known.sound, *known.layers))
        stems.append(_depth(stem, layers, sound, drawn))
    found = StemProbes(pieces=known.pieces, windows=len(known.piece), seconds=_table().window, stems=stems)
    return Artifact(recipe, {}, found.model_dump(mode="json"), round(time.perf_counter() - begun, 2))


def _depth(stem: str, layers: list[_Tested], sound: _Tested, drawn: NDArray[np.int64]) -> StemDepth:
    found = [one.accuracy(drawn) for one in layers]
    best = max(one.value for one in found)
    near = next(at for at, one in enumerate(found) if one.value >= NEARLY * best)
    depth = near if found[near].low > 0.5 else None
    beyond = None if depth is None else _accuracy(layers[depth].drawn(drawn) - sound.drawn(drawn))
    return StemDepth(stem=stem, layers=found, sound=sound.accuracy(drawn), depth=depth, beyond=beyond)


@dataclass(frozen=True)
class _Tested:
    """Windows of each piece that were told rightly, and how many there are, with the stem and without (pieces, 2)."""

    right: Floats
    all: Floats

    @classmethod
    def of(cls, values: Floats, there: Bools, piece: NDArray[np.int64]) -> _Tested:
        """A probe of (windows, features), tested on pieces that it was not fitted on."""
        right = _told(values, there, piece) == there
        pieces = int(piece.max()) + 1
        kinds = [there, ~there]
        return cls(
            np.stack([np.bincount(piece, right & kind, pieces) for kind in kinds], 1),
            np.stack([np.bincount(piece, kind, pieces) for kind in kinds], 1),
        )

    def drawn(self, rows: NDArray[np.int64]) -> Floats:
        """Accuracy in all pieces, and in pieces drawn anew: (1 + draws,)."""
        every = np.vstack([np.arange(len(self.right))[None], rows])
        return (self.right[every].sum(1) / np.maximum(self.all[every].sum(1), 1)).mean(1)

    def accuracy(self, rows: NDArray[np.int64]) -> Accuracy:
        """It with its interval."""
        return _accuracy(self.drawn(rows))


def _accuracy(values: Floats) -> Accuracy:
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Accuracy(value=round(float(values[0]), 4), low=round(float(low), 4), high=round(float(high), 4))


def _told(values: Floats, there: Bools, piece: NDArray[np.int64]) -> Bools:
    """What is said of each window by a probe of other pieces."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    said = np.zeros(len(there), bool)
    for fitted, tested in GroupKFold(min(FOLDS, int(piece.max()) + 1)).split(values, there, piece):
        if there[fitted].all() or not there[fitted].any():
            said[tested] = there[fitted][0]
            continue
        probe = make_pipeline(StandardScaler(), RidgeClassifier(alpha=RIDGE, class_weight="balanced"))
        said[tested] = probe.fit(values[fitted], there[fitted]).predict(values[tested])
    return said


# --- what is probed ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """Windows: the state after each layer and the spectrum (windows, features), which piece each is of (windows,), and
    whether each stem is there."""

    layers: list[Floats]
    sound: Floats
    piece: NDArray[np.int64]
    there: dict[str, Bools]

    @property
    def pieces(self) -> int:
        """How many there are."""
        return int(self.piece.max()) + 1


def _read(scope: Microscope, places: list[Location]) -> _Known:
    looking = ListeningPass(scope.generator, None, tuple(places))
    names, sounds = zip(*_pieces(scope), strict=True)
    table = _table()
    count = int(len(sounds[0]) / scope.rate / table.window + 1e-6)

    def by_window(_: Location, values: Tensor, moments: Tensor) -> Tensor:
        at = (moments.to(values.device) * count).long().clamp_max(count - 1)
        summed = values.new_zeros(len(values), count, values.shape[2]).index_add_(1, at, values)
        return (summed / torch.bincount(at, minlength=count).clamp_min(1)[:, None]).float().cpu()

    parts: dict[Location, list[Tensor]] = {place: [] for place in places}
    for start in range(0, len(sounds), ROWS):
        scope.advance("pass composed pieces", 0.8 * start / len(sounds))
        for place, seen in looking.of_sound(torch.stack(sounds[start : start + ROWS]), by_window).items():
            parts[place].append(seen)
    return _Known(
        [torch.cat(parts[place]).flatten(0, 1).double().numpy() for place in places],
        np.concatenate([_spectrum(sound, count) for sound in sounds]),
        np.repeat(np.arange(len(sounds)), count),
        {
            stem: np.array([digit == "1" for name in names for digit in table.pieces[name][stem][:count]])
            for stem in STEMS
        },
    )


def _pieces(scope: Microscope) -> Iterator[tuple[str, Tensor]]:
    """The composed pieces whose stems are known, as long as the generator plays: their names and sound (samples,)."""
    table = _table()
    shortest = min(len(digits) for stems in table.pieces.values() for digits in stems.values())
    seconds = min(shortest * table.window, float(scope.generator.longest_seconds))
    for entry in ComposedCorpus().entries():
        name = entry.name.rpartition(".")[0]
        if name in table.pieces:
            recording = entry.read()
            yield name, resampled(recording.waveform, recording.rate, scope.rate)[: round(seconds * scope.rate)]


def _spectrum(sound: Tensor, count: int) -> Floats:
    """The sound alone: of each of so many windows, mean and spread of the level in bands of equal width in octaves."""
    size = len(sound) // count
    windows = sound[: count * size].view(count, size)
    frame = min(FRAME, size)
    power = torch.stft(windows, frame, frame // 4, window=torch.hann_window(frame), return_complex=True).abs().square()
    edges = torch.logspace(0, float(np.log10(power.shape[1])), BANDS + 1).round().long().clamp_max(power.shape[1])
    bands = [power[:, low - 1 : max(low, high)].mean(1) for low, high in pairwise(edges.tolist())]
    level = torch.stack(bands, 1).clamp_min(1e-10).log10()
    return torch.cat([level.mean(2), level.std(2)], 1).double().numpy()


def told(found: StemDepth) -> str:
    """One stem in a sentence."""
    sound = found.sound.told
    if found.depth is None or found.beyond is None:
        return f"{found.stem.capitalize()} cannot surely be read at any depth; the sound alone tells it in {sound}."
    sure = found.beyond.low > 0 or found.beyond.high < 0
    how = "" if sure else ", about as well"
    return (
        f"{found.stem.capitalize()} can be read from layer {found.depth} on: in "
        f"{found.layers[found.depth].told} of windows, and in {sound} in the sound alone{how}."
    )
