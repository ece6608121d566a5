"""Where the units of a CLAP's audio tower are: the blocks of its Swin transformer, numbered through all stages."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from transformers import ClapModel

from tonescope.models.anatomy import Anatomy
from tonescope.models.layout import Layout
from tonescope.models.sites import Network
from tonescope.models.units import Location

JUDGE: Network = "judge"
_TOWER = "audio_model.audio_encoder"
_SITES = {"mlp": "{}.output.dense", "residual": "{}"}


class ClapPlaces(Anatomy):
    """The places of a judge.

    Args:
        model: the whole CLAP.
        name: what the user called it.
    """

    def __init__(self, model: ClapModel, name: str) -> None:
        stages = model.get_submodule(_TOWER).layers
        self._blocks = [
            f"{_TOWER}.layers.{stage}.blocks.{block}"
            for stage, one in enumerate(stages)
            for block in range(len(one.blocks))
        ]
        super().__init__(model, name, {}, {})

    def written_path(self, location: Location) -> str | None:
        """The module of a block, by its number."""
        if location.network != JUDGE or location.name not in _SITES or location.layer >= len(self._blocks):
            return None
        return _SITES[location.name].format(self._blocks[location.layer])

    def width(self, location: Location) -> int:
        """Width of the tensor at a location."""
        if location.name == "residual":
            return int(self.place(location).module.layernorm_after.normalized_shape[0])  # type: ignore[union-attr,index]
        return super().width(location)

    def layout(self, location: Location, guidance: float) -> Layout:
        """Rows are windows of audio, positions are patches of the spectrogram: bands within times within bands."""
        return Layout()

    def moments(self, location: Location, along: int) -> Tensor:
        """How far into the window each position is, 0 to 1 (along,): the spectrogram is cut in time into as many strips
        as fit on a square below one another, so rows of patches are bands within strips, and columns are times."""
        config: Any = self.model.config.audio_config  # type: ignore[union-attr]
        strips = config.spec_size // config.num_mel_bins
        side = math.isqrt(along)
        strip = torch.arange(side).div(max(1, side // strips), rounding_mode="floor").clamp_max(strips - 1)
        return ((strip[:, None] + (torch.arange(side) + 0.5) / side) / strips).flatten()
