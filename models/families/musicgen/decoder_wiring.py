"""How the units of MusicGen's decoder are wired: what they write into the residual stream, what neurons read, and what
the output heads of the codebooks make of it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from tonescope.models.families.musicgen.places import Places
from tonescope.models.units import Location


class DecoderWiring:
    """The wiring of a MusicGen.

    Args:
        places: where its modules are.
    """

    def __init__(self, places: Places) -> None:
        self._places = places

    def written(self, location: Location) -> Tensor | None:
        """Columns of the linear layer behind the units: (units, features a unit is wide, width)."""
        if location.network != "decoder" or location.name == "residual":
            return None
        module = self._places.place(location).module
        weight: Tensor = module.weight.detach().float()  # type: ignore[union-attr, operator, assignment]
        return weight.T.unflatten(0, (-1, self._places.head_width(location)))

    def read(self, location: Location) -> Tensor | None:
        """Rows of the linear layer before neurons, as the stream meets them after its normalisation."""
        if (location.network, location.name) != ("decoder", "mlp"):
            return None
        layer = self._layer(location.layer)
        weight: Tensor = layer.fc1.weight.detach().float()  # type: ignore[union-attr, operator, assignment]
        return _centred(weight * self._gain(layer.final_layer_norm))  # type: ignore[arg-type]

    def heads(self) -> Mapping[str, Tensor]:
        """One of each codebook: (codes, width)."""
        model = self._places.model
        gain = self._gain(model.get_submodule(self._places.kind.backbone).layer_norm)  # type: ignore[arg-type]
        heads = model.get_submodule("decoder.lm_heads")
        return {
            f"codebook {book}": _centred(head.weight.detach().float() * gain)  # type: ignore[operator, union-attr]
            for book, head in enumerate(heads.children())
        }

    def choice(self, head: str, index: int) -> str:
        """A code."""
        return f"code {index}"

    def _layer(self, number: int) -> nn.Module:
        return self._places.model.get_submodule(f"{self._places.kind.backbone}.layers.{number}")

    @staticmethod
    def _gain(norm: nn.Module) -> Tensor:
        gain: Tensor = norm.weight.detach().float()  # type: ignore[assignment, operator]
        return gain


def _centred(rows: Tensor) -> Tensor:
    """Without what a layer normalisation takes off: the mean over the width."""
    return rows - rows.mean(-1, keepdim=True)
