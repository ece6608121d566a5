"""Addresses are injective, strict and complete; hooks refuse to fail quietly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.delay import delayed, delays, frames_in, positions_for, undelayed
from tonescope.models.hooks import Place, hooked, read, write
from tonescope.models.sites import SITES, sites_table
from tonescope.models.units import Location, Unit


def test_addresses_round_trip() -> None:
    seen = set()
    for site in SITES:
        for layer in (0, 7, 31):
            for index in (0, 117):
                unit = Unit(Location(site.network, layer, site.name), index)
                assert Unit.parse(str(unit)) == unit
                seen.add(str(unit))
    assert len(seen) == len(SITES) * 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        "decoder.3.mlp",
        "decoder.3.mlp:",
        "decoder.03.mlp:1",
        "decoder.3.mlp:01",
        "decoder.3.mlp:-1",
        "decoder.3.mlp:1 ",
        " decoder.3.mlp:1",
        "Decoder.3.mlp:1",
        "text.1.cross:0",
        "decoder.1.mlp:1٣",
        "decoder.1.mlp:٣",
        "decoder.1.mlp:1\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(TonescopeError):
        Unit.parse(text)


def test_units_sort_by_network_layer_and_index() -> None:
    units = [Unit.parse(name) for name in ("decoder.10.mlp:2", "decoder.2.mlp:10", "decoder.2.mlp:9")]
    assert [str(unit) for unit in sorted(units)] == ["decoder.2.mlp:9", "decoder.2.mlp:10", "decoder.10.mlp:2"]


@pytest.mark.parametrize(("n_codebooks", "channels"), [(4, 1), (8, 2), (8, 1)])
def test_delay_and_its_inverse(n_codebooks: int, channels: int) -> None:
    delay = delays(n_codebooks, channels)
    codes = torch.randint(0, 50, (2, n_codebooks, 9))
    ids = delayed(codes, delay, pad=99)
    assert ids.shape[2] == positions_for(9, delay) + 1 and (ids[:, :, 0] == 99).all()
    assert torch.equal(undelayed(ids[:, :, 1:], delay, 9), codes)
    assert int((ids == 99).sum()) == 2 * n_codebooks * (ids.shape[2] - 9)
    with pytest.raises(ValueError, match="fewer"):
        undelayed(ids[:, :, 2:], delay, 9)


def test_frames_of_seconds() -> None:
    assert frames_in(4.0, 50) == 200 and frames_in(0.001, 50) == 1


def test_read_sees_and_write_changes() -> None:
    layer = nn.Linear(3, 3, bias=False)
    nn.init.eye_(layer.weight)
    seen: list[torch.Tensor] = []
    before, after = Place(layer, "input", "in"), Place(layer, "output", "out")
    with hooked([write(before, lambda x: x * 2), read(before, seen.append), write(after, lambda x: x + 1)]):
        out = layer(torch.ones(1, 3))
    assert torch.equal(out, torch.full((1, 3), 3.0)) and torch.equal(seen[0], torch.full((1, 3), 2.0))
    assert torch.equal(layer(torch.ones(1, 3)), torch.ones(1, 3))


def test_a_hook_that_never_fires_is_an_error() -> None:
    with (
        pytest.raises(TonescopeError, match="nothing passed through"),
        hooked([read(Place(nn.Linear(1, 1), "input", "idle"), print)]),
    ):
        pass


def test_hooks_come_off_after_an_error() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ZeroDivisionError), hooked([write(Place(layer, "input", "x"), lambda x: x * 0)]):
        raise ZeroDivisionError
    assert not layer._forward_pre_hooks


def test_a_hook_must_keep_the_shape() -> None:
    layer = nn.Linear(2, 2)
    with (
        pytest.raises(ValueError, match="turned shape"),
        hooked([write(Place(layer, "input", "x"), lambda x: x[:, :1])]),
    ):
        layer(torch.ones(1, 2))


def test_compiled_modules_are_refused() -> None:
    layer = nn.Linear(2, 2)
    layer.compile(backend="eager")
    with pytest.raises(TonescopeError, match="compiled"), hooked([read(Place(layer, "input", "x"), print)]):
        layer(torch.ones(1, 2))


def test_the_documentation_lists_the_registry() -> None:
    page = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert sites_table() in page
