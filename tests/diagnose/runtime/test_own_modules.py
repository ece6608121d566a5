"""A copy for another thread: its modules are its own, its weights are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.runtime.own_modules import with_own_modules


@pytest.mark.parametrize("family", list(tiny.FAMILIES))
def test_a_copy_reads_the_same_with_the_same_weights(family: str) -> None:
    generator = tiny.generator(family)
    copied = with_own_modules(generator)
    shared = zip(copied.model.parameters(), generator.model.parameters(), strict=True)
    assert all(one is other for one, other in shared) and copied.model is not generator.model
    assert copied.fingerprint() == generator.fingerprint()
    assert torch.equal(copied.read_text(["house"]).states, generator.read_text(["house"]).states)


def test_what_is_hooked_on_a_model_is_not_on_its_copy() -> None:
    generator, judge = tiny.generator(), tiny.judge()
    copies: list[Any] = [with_own_modules(generator), with_own_modules(judge)]

    def fail(*_: Any) -> None:
        raise AssertionError("a hook of a run was passed")

    for module in generator.model.modules():
        module.register_forward_pre_hook(fail)
    with pytest.raises(AssertionError, match="of a run"):
        generator.read_text(["house"])
    copies[0].read_text(["house"])
    assert copies[1].labels == judge.labels
