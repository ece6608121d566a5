"""The registry of places: every kind of place in a generator that can be pointed at, as data.

Addresses (:mod:`tonescope.models.units`), model families, documentation and tests derive from :data:`SITES`. A family
has some of these sites; one that it lacks it explains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Network = Literal["text", "decoder", "denoiser", "codec", "judge"]
"""The text encoder; what plays, code by code (``decoder``) or by denoising (``denoiser``); what turns latents into
sound; and, beside the generator, the judge that listens."""


@dataclass(frozen=True)
class Site:
    """One kind of place.

    Attributes:
        network: the part of the generator.
        name: that of the site in its network; ``network.name`` is its :attr:`key`.
        units: what one unit is. A head is several features wide, everything else one.
        side: whether the module's input or its output is read.
        along: what the tensor runs along beside units: tokens of the prompt, positions in time, or samples of the
            codec.
        meaning: for people.
        causal: whether the site takes part in playing (the codec's encoder and the judge only hear).
        attributed: whether effects of its units are estimated unless other sites are asked for.
    """

    network: Network
    name: str
    units: Literal["neuron", "head", "channel", "dimension"]
    side: Literal["input", "output"]
    along: Literal["tokens", "positions", "samples"]
    meaning: str
    causal: bool = True
    attributed: bool = False

    @property
    def key(self) -> str:
        """``decoder.mlp``: how options name the site."""
        return f"{self.network}.{self.name}"

    @property
    def axis(self) -> int:
        """Which axis of the tensor holds the units: (rows, along, units), or (rows, units, along) in the codec."""
        return 1 if self.along == "samples" else -1


def _transformer(network: Network) -> tuple[Site, ...]:
    """The sites of a network that plays: the same for every transformer."""
    mlp = f"activations of the {network}'s MLP, after its nonlinearity"
    heads = f"outputs of the {network}'s self-attention heads, before they are mixed"
    cross = f"outputs of the {network}'s cross-attention heads (what is read from the text), before they are mixed"
    return (
        Site(network, "mlp", "neuron", "input", "positions", mlp, attributed=True),
        Site(network, "self", "head", "input", "positions", heads, attributed=True),
        Site(network, "cross", "head", "input", "positions", cross, attributed=True),
        Site(network, "residual", "dimension", "output", "positions", f"the residual stream after a {network} layer"),
    )


_TEXT_HEADS = "outputs of the text encoder's self-attention heads, before they are mixed"
_CODEC_ENCODER = "channels of the codec's encoder, layer by layer"
_JUDGE_MLP = "activations of the MLP in the judge's audio tower, after its nonlinearity"
_JUDGE_RESIDUAL = "the residual stream after a block of the judge's audio tower"


SITES: tuple[Site, ...] = (
    Site("text", "mlp", "neuron", "input", "tokens", "activations of the text encoder's MLP, after its nonlinearity"),
    Site("text", "self", "head", "input", "tokens", _TEXT_HEADS),
    *_transformer("decoder"),
    *_transformer("denoiser"),
    Site("codec", "encoder", "channel", "output", "samples", _CODEC_ENCODER, causal=False),
    Site("codec", "decoder", "channel", "output", "samples", "channels of the codec's decoder, layer by layer"),
    Site("judge", "mlp", "neuron", "input", "positions", _JUDGE_MLP, causal=False),
    Site("judge", "residual", "dimension", "output", "positions", _JUDGE_RESIDUAL, causal=False),
)

ATTRIBUTED = tuple(site.key for site in SITES if site.attributed)
PLAYING = tuple(site.key for site in SITES if site.causal)
BY_NAME = {(site.network, site.name): site for site in SITES}


def sites_table() -> str:
    """The registry as a Markdown table, for the documentation."""
    lines = ["| location | one unit is a | runs along | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{site.network}.LAYER.{site.name}` | {site.units} | {site.along} | {site.meaning} |" for site in SITES
    ]
    return "\n".join(lines)
