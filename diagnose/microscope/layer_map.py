"""Layer by layer: the sound at every depth of the network that plays, and what can be heard in it.

The state after each layer is read by the final norm and the output heads, as if it were the last (the logit lens:
nostalgebraist 2020; DecoderLens: Langedijk et al. 2024, arXiv 2310.03686), on the past and the noise of the take.
So it is heard from which depth on the take is there, and from which depth on its genre is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from pydantic import BaseModel
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.sound_numbers import SoundNumbers, numbers
from tonescope.diagnose.store.artifacts import WAVEFORM, Artifact, Made
from tonescope.models.generator import Sampling, Takes
from tonescope.models.judges.listening import posterior
from tonescope.models.relaxation import relaxation_of

VERSION = 2  # since 2, it is known of how many takes it is so
BUILT = 0.1  # difference of shares from the take's own within which a layer's sound is built like it
LAYERS = "layers."  # what tensors of all layers are called
LEADING = 5  # genres that are kept of each layer


@dataclass(frozen=True)
class MapWish:
    """What to map.

    Attributes:
        prompt: what is played.
        takes: how many, with seeds from ``seed`` on.
        seconds: length.
        guidance: of the takes, and of what each layer says.
    """

    prompt: str
    takes: int = 2
    seconds: float = 4.0
    seed: int = 1
    guidance: float = 3.0

    @property
    def about(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dict(vars(self))


class LayerHeard(BaseModel):
    """One layer, mean over takes: probabilities of the genres heard most there and of the one heard at the end, and
    numbers of the sound. ``like_the_take`` is the share of the parts of the take's state that this layer draws as the
    whole network did."""

    layer: int
    heard: str
    posterior: dict[str, float]
    sound: SoundNumbers
    like_the_take: float


class LayerMap(BaseModel):
    """What was found. ``decided`` is the first layer from which on every layer is heard as the whole is (mean of the
    takes; by itself, in ``agree`` of ``takes``), and ``built`` the first from which on shares of percussive and bass
    energy are within 0.1 of those of the whole; layers are counted from 0."""

    prompt: str
    heard: str
    probability: float
    layers: list[LayerHeard]
    decided: int
    agree: int
    takes: int
    built: int


def layer_map(scope: Microscope, wish: MapWish) -> Made:
    """Render the map; its ``result`` is a :class:`LayerMap`, its takes are those of every layer, the first layer first.

    Raises:
        TonescopeError: the family cannot be read layer by layer, or cannot play that length.
    """
    relaxation_of(scope.generator)
    scope.check_seconds(wish.seconds)
    scope.generator.read_text([wish.prompt])
    recipe = scope.recipe("layers", VERSION, wish.about)
    return scope.store.made(recipe, lambda: replace(_render(scope, wish), recipe=recipe))


def _render(scope: Microscope, wish: MapWish) -> Artifact:
    begun, sampling = time.perf_counter(), Sampling(guidance=wish.guidance)
    context = Context(scope.generator, scope.judge, sampling=sampling, seconds=wish.seconds)
    seeds = [wish.seed + take for take in range(wish.takes)]
    scope.advance("play", 0.0)
    takes = play(context, [wish.prompt] * wish.takes, seeds)
    scope.advance("read every layer", 0.5)
    layers = relaxation_of(scope.generator).read_out(takes, sampling)
    scope.advance("listen", 0.8)
    labels = scope.judge.labels
    heard = torch.stack([posterior(scope.judge, layer.waveform, scope.rate) for layer in layers])  # of every take
    rows = heard.mean(1)
    final = labels[int(rows[-1].argmax())]
    found = [_layer(scope, at, layer, rows[at], final, takes) for at, layer in enumerate(layers)]
    decided = _from_which_on([layer.heard == final for layer in found])
    alone = (heard[decided:].argmax(2) == labels.index(final)).all(0)
    result = LayerMap(
        prompt=wish.prompt,
        heard=final,
        probability=round(float(rows[-1].max()), 4),
        layers=found,
        decided=decided,
        agree=int(alone.sum()),
        takes=wish.takes,
        built=_from_which_on([_built_like(layer.sound, found[-1].sound) for layer in found]),
    )
    tensors = {LAYERS + name: torch.stack([layer.state[name] for layer in layers]) for name in takes.state}
    tensors[LAYERS + WAVEFORM] = torch.stack([layer.waveform for layer in layers])
    artifact = Artifact.of_takes(scope.recipe("layers", VERSION, {}), takes, tensors)
    return replace(artifact, result=result.model_dump(mode="json"), seconds=round(time.perf_counter() - begun, 2))


def _layer(scope: Microscope, at: int, layer: Takes, row: Tensor, final: str, takes: Takes) -> LayerHeard:
    labels = scope.judge.labels
    best = [labels[index] for index in row.argsort(descending=True)[:LEADING].tolist()]
    sounds = numbers(layer.waveform, scope.rate)
    mean = {name: round(fmean(getattr(sound, name) for sound in sounds), 4) for name in SoundNumbers.model_fields}
    same = [float((layer.state[name] == tensor).float().mean()) for name, tensor in takes.state.items()]
    return LayerHeard(
        layer=at,
        heard=best[0],
        posterior={label: round(float(row[labels.index(label)]), 4) for label in dict.fromkeys([*best, final])},
        sound=SoundNumbers(**mean),
        like_the_take=round(fmean(same), 4),
    )


def _built_like(sound: SoundNumbers, whole: SoundNumbers) -> bool:
    """Whether the shares of a sound are those of the whole."""
    return all(abs(getattr(sound, name) - getattr(whole, name)) <= BUILT for name in ("percussive", "bass"))


def takes_of_layers(artifact: Artifact, wish: MapWish) -> list[Takes]:
    """The takes of every layer."""
    prompts, seeds = (wish.prompt,) * wish.takes, tuple(wish.seed + take for take in range(wish.takes))
    kept = {name.removeprefix(LAYERS): part for name, part in artifact.tensors.items() if name.startswith(LAYERS)}
    sounds = kept.pop(WAVEFORM)
    return [
        Takes(prompts, seeds, {name: tensor[at] for name, tensor in kept.items()}, sounds[at])
        for at in range(len(sounds))
    ]


def _from_which_on(holds: list[bool]) -> int:
    """The first of the last run of layers of which something holds."""
    return next((at + 1 for at in range(len(holds) - 1, -1, -1) if not holds[at]), 0)
