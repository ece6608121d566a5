"""Addresses of a model whose code was compiled: hooks would be skipped, so it is refused."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.units import Location


def test_a_compiled_model_is_refused() -> None:
    generator = tiny.generator()
    generator.model.decoder.compile()
    edit = Edit((Location("decoder", 1, "mlp"),), "zero")
    with pytest.raises(TonescopeError, match=r"compiled.*torch\.compile"), edited(generator, [edit], 3.0):
        pass


@pytest.mark.parametrize("what", ["model", "decoder", "forward", "layer"])
def test_what_wraps_compiled_code_is_refused_as_such(what: str) -> None:
    """``torch.compile`` wraps rather than compiles, before the first look and after it."""
    model = tiny.musicgen()
    with pytest.raises(TonescopeError, match=r"compiled.*torch\.compile"):
        if what == "model":
            model = torch.compile(model)  # type: ignore[assignment]
        generator = MusicGen(model, tiny.tokenizer(), "tiny")
        assert generator.locations("decoder.mlp")
        if what == "decoder":
            generator.model.decoder = torch.compile(generator.model.decoder)
        owner = generator.model.decoder if what == "forward" else generator.model.decoder.model.decoder.layers[1]
        if what in ("forward", "layer"):
            owner.forward = torch.compile(owner.forward)
        generator.place(Location("decoder", 1, "mlp"))


def test_who_names_a_place_that_no_model_has_is_told_the_sites_of_this_one() -> None:
    for asked in (tiny.generator().location, tiny.generator().unit):
        with pytest.raises(TonescopeError, match=r"decoder\.LAYER\.mlp") as refused:
            asked("decoder.3.foo" + ":1" * (asked.__name__ == "unit"))
        assert "denoiser" not in str(refused.value) and "judge" not in str(refused.value)
