"""Addresses: where in a generator the microscope can point.

A *location* is a place in a network (``decoder.3.mlp``); a *unit* is one scalar there, or one head (``decoder.3.mlp:117``). The
string forms are injective, parse strictly, and are the same in code, links, files, reports and logs. :data:`SITES` is the registry
that adapters, documentation and tests derive from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tonescope.models.errors import TonescopeError

Network = Literal["text", "decoder", "codec"]


@dataclass(frozen=True)
class Site:
    """One kind of place.

    Attributes:
        side: whether the module's input or its output is read.
        units: what one unit is.
        along: what the tensor runs along beside units: tokens of the prompt, decoder positions, or samples of the codec.
        causal: whether the site takes part in playing (the codec's encoder only hears).
    """

    network: Network
    name: str
    units: Literal["neuron", "head", "channel", "dimension"]
    side: Literal["input", "output"]
    along: Literal["tokens", "positions", "samples"]
    meaning: str
    causal: bool = True

    @property
    def key(self) -> str:
        """``decoder.mlp``: how options name the site."""
        return f"{self.network}.{self.name}"

    @property
    def axis(self) -> int:
        """Which axis of the tensor holds the units: (rows, along, units), or (rows, units, along) in the codec."""
        return 1 if self.along == "samples" else -1


SITES: tuple[Site, ...] = (
    Site("text", "mlp", "neuron", "input", "tokens", "activations of the text encoder's MLP, after its nonlinearity"),
    Site("text", "self", "head", "input", "tokens", "outputs of the text encoder's self-attention heads, before they are mixed"),
    Site("decoder", "mlp", "neuron", "input", "positions", "activations of the decoder's MLP, after its nonlinearity"),
    Site("decoder", "self", "head", "input", "positions", "outputs of the decoder's self-attention heads, before they are mixed"),
    Site("decoder", "cross", "head", "input", "positions", "outputs of the decoder's cross-attention heads (what is read from the text), before they are mixed"),
    Site("decoder", "residual", "dimension", "output", "positions", "the residual stream after a decoder layer"),
    Site("codec", "encoder", "channel", "output", "samples", "channels of the codec's encoder, layer by layer", causal=False),
    Site("codec", "decoder", "channel", "output", "samples", "channels of the codec's decoder, layer by layer"),
)  # fmt: skip


def sites_table() -> str:
    """The registry as a Markdown table, for the documentation."""
    lines = ["| location | one unit is a | runs along | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{site.network}.LAYER.{site.name}` | {site.units} | {site.along} | {site.meaning} |" for site in SITES
    ]
    return "\n".join(lines)


_BY_NAME = {(site.network, site.name): site for site in SITES}
_LOCATION = re.compile(r"(text|decoder|codec)\.(0|[1-9][0-9]{0,3})\.([a-z]+)")
_UNIT = re.compile(r"(.+):(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, order=True)
class Location:
    """A place in a network: ``decoder.3.mlp``."""

    network: Network
    layer: int
    name: str

    def __str__(self) -> str:
        return f"{self.network}.{self.layer}.{self.name}"

    @property
    def site(self) -> Site:
        """The row of :data:`SITES` that says what is here."""
        return _BY_NAME[self.network, self.name]

    @classmethod
    def parse(cls, text: str) -> Location:
        """Inverse of ``str``. Raises :class:`TonescopeError` for anything ``str`` cannot give."""
        match = _LOCATION.fullmatch(text)
        if not match or (match[1], match[3]) not in _BY_NAME:
            known = ", ".join(f"{site.network}.LAYER.{site.name}" for site in SITES)
            raise TonescopeError(f"“{text}” is not a location: they read {known} (for example decoder.3.mlp).")
        return cls(match[1], int(match[2]), match[3])  # type: ignore[arg-type]


@dataclass(frozen=True, order=True)
class Unit:
    """One unit at a location: ``decoder.3.mlp:117``."""

    location: Location
    index: int

    def __str__(self) -> str:
        return f"{self.location}:{self.index}"

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Inverse of ``str``. Raises :class:`TonescopeError` for anything ``str`` cannot give."""
        match = _UNIT.fullmatch(text)
        if not match:
            raise TonescopeError(
                f"“{text}” is not a unit: write a location, a colon and a number (for example decoder.3.mlp:117)."
            )
        return cls(Location.parse(match[1]), int(match[2]))
