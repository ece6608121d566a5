"""The addresses of a model: which locations it has, which module each one is, and how many units are there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.classes import CLASSES as FAMILIES
from tonescope.models.families.musicgen.delay import delays, positions_for
from tonescope.models.families.musicgen.skip_uncond import reads_nothing
from tonescope.models.families.text_encoders import TEXT_PATHS
from tonescope.models.hooks import Place, compiled, hooked, read
from tonescope.models.units import SITES, Location, Unit

_PROBE_FRAMES = 8
_COMPILED = "{} cannot be watched because the model was compiled and compiled code skips hooks; load the model without torch.compile."


class Anatomy:
    """A model of a known family and the places in it.

    Args:
        model: in evaluation mode; its weights are frozen.
        name: what the user called it.
    """

    def __init__(self, model: PreTrainedModel, name: str) -> None:
        self.model, self.name = model.eval(), name
        self._features: dict[Location, int] = {}
        if compiled(model):
            raise TonescopeError(_COMPILED.format(name))
        found = next((family for family in FAMILIES if family.model_class == type(model).__name__), None)
        if found is None:
            known = ", ".join(family.model_class for family in FAMILIES)
            raise TonescopeError(
                f"{name} is a {type(model).__name__}, which Tonescope cannot look into; it knows {known}."
            )
        self.family = found
        model.requires_grad_(False)

    @cached_property
    def _paths(self) -> dict[tuple[str, str], str]:
        return {**TEXT_PATHS.get(self.model.config.text_encoder.model_type, {}), **self.family.paths}

    def _way(self, path: str) -> list[nn.Module]:
        """The modules from the model down to a dotted path, as they are now; empty where there is nothing."""
        way: list[nn.Module] = [self.model]
        for name in path.split("."):
            below = getattr(way[-1], name, None)
            if not isinstance(below, nn.Module):
                return []
            way.append(below)
        return way

    def locations(self, *keys: str) -> list[Location]:
        """Every location of the model, or those of the named sites (``decoder.mlp``) that it has, by layer.

        Raises :class:`TonescopeError` for a site that no model has.
        """
        known = [site.key for site in SITES]
        if strange := [key for key in keys if key not in known]:
            raise TonescopeError(f"“{strange[0][:60]}” is no site; the sites are {', '.join(known)}.")
        found = []
        for site in SITES:
            if keys and site.key not in keys:
                continue
            path, layer = self._paths.get((site.network, site.name)), 0
            while path and self._way(path.format(layer)):
                found.append(Location(site.network, layer, site.name))
                layer += 1
        return found

    def asked(self, keys: Sequence[str]) -> list[Location]:
        """Every location of sites that somebody asked for. Raises :class:`TonescopeError` for one that this model lacks, and for none."""
        if not keys:
            raise TonescopeError(
                "no site was named, so there is nowhere to look; name at least one, such as decoder.mlp."
            )
        found = self.locations(*keys)
        for site in SITES:
            if site.key in keys and not any(location.site == site for location in found):
                self.place(Location(site.network, 0, site.name))
        return found

    def location(self, text: str) -> Location:
        """Parse a location and check that this model has it."""
        location = Location.parse(text)
        self.place(location)
        return location

    def unit(self, text: str) -> Unit:
        """Parse a unit and check that this model has it."""
        unit = Unit.parse(text)
        self.check_unit(unit)
        return unit

    def check_unit(self, unit: Unit) -> None:
        """Raise :class:`TonescopeError` for a unit that this model does not have."""
        count = self.units(unit.location)
        if not 0 <= unit.index < count:
            raise TonescopeError(f"{unit.location} of {self.name} has units 0 to {count - 1}, so there is no {unit}.")

    def place(self, location: Location) -> Place:
        """The module and side at a location. Raises :class:`TonescopeError` when the model has no such location."""
        path = self._paths.get((location.network, location.name))
        way = self._way(path.format(location.layer)) if path else []
        if not way:
            why = self.family.lacks.get((location.network, location.name))
            raise TonescopeError(
                f"{self.name} has no location {location}: {why}."
                if why
                else f"{self.name} has no location {location}; `tonescope units` lists those it has."
            )
        if any(compiled(module) for module in way):
            raise TonescopeError(_COMPILED.format(location))
        return Place(way[-1], location.site.side, str(location))

    def path(self, location: Location) -> str:
        """Dotted name of the module at a location."""
        self.place(location)
        return self._paths[location.network, location.name].format(location.layer)

    def branches(self, location: Location, guidance: float) -> int:
        """How often a take's rows occur in the tensor at a location: the decoder runs each prompt and the empty prompt, but for
        cross-attention where that reads nothing of the empty prompt."""
        if location.name == "cross" and self.skippable_attention:
            return 1
        return 2 if guidance > 1 and location.network == "decoder" else 1

    @cached_property
    def skippable_attention(self) -> list[nn.Module]:
        """The cross-attention of every layer, where a empty prompt leaves it nothing to read; otherwise none."""
        ways = [self._way(self.path(location)) for location in self.locations("decoder.cross")]
        attentions = [way[-2] for way in ways]
        return attentions if all(map(reads_nothing, attentions)) else []

    def head_width(self, location: Location) -> int:
        """Features that make up one unit: the head's width for heads, 1 for everything else."""
        if location.site.units != "head":
            return 1
        config = self.model.config.text_encoder if location.network == "text" else self.model.config.decoder
        return self.features(location) // int(config.num_attention_heads)

    def features(self, location: Location) -> int:
        """Width of the tensor at a location."""
        if location not in self._features:
            self._features[location] = self._width(location)
        return self._features[location]

    def _width(self, location: Location) -> int:
        module: Any = self.place(location).module
        if location.name == "residual":
            return int(self.model.config.decoder.hidden_size)
        if location.network == "codec":
            return self._codec_shapes[location][0]
        return int(module.in_features)

    def along(self, location: Location, frames: int, tokens: int) -> int:
        """How long the tensor at a location is, beside units: in tokens, decoder positions, or samples of the codec layer."""
        if location.network == "text":
            return tokens
        if location.network == "codec":
            return round(frames * self._codec_shapes[location][1]) * self.model.config.decoder.audio_channels
        return positions_for(
            frames, delays(self.model.config.decoder.num_codebooks, self.model.config.decoder.audio_channels)
        )

    def units(self, location: Location) -> int:
        """Number of units at a location."""
        return self.features(location) // self.head_width(location)

    @cached_property
    def _codec_shapes(self) -> dict[Location, tuple[int, float]]:
        """Channels of every codec layer and steps a frame, found by sending a fraction of a second through it."""
        codec, shapes = self.model.audio_encoder, dict[Location, tuple[int, float]]()

        def note(location: Location) -> Any:
            def look(tensor: Tensor) -> None:
                shapes[location] = (tensor.shape[1], tensor.shape[2] / _PROBE_FRAMES)

            return look

        samples = _PROBE_FRAMES * round(codec.config.sampling_rate / codec.config.frame_rate)
        silence = torch.zeros(1, codec.config.audio_channels, samples, device=self.model.device, dtype=codec.dtype)
        places = self.locations("codec.encoder", "codec.decoder")
        with torch.no_grad(), hooked([read(self.place(location), note(location)) for location in places]):
            codec.decoder(codec.encoder(silence))
        return shapes
