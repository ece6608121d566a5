"""Single takes that are not made of numbers, as half precision makes them, are left out and named; the rest counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from tests import tiny
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.jobs.experiment import targets
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling

PROMPT = "house house piano"
QUICK = Settings(takes=4, seconds=0.5, candidates=4, tested_words=1, tested_units=1, rounds=1)
EXPLORED, FRESH = [1, 2, 3, 4], [5, 6, 7, 8]


@pytest.fixture
def session() -> Session:
    return tiny.session()


def lose(monkeypatch: pytest.MonkeyPatch, *seeds: int) -> None:
    """Takes of these seeds come to nothing."""
    plain = MusicGen._play

    def losing(
        self: MusicGen, prompts: Sequence[str], drawn: Sequence[int], frames: int, sampling: Sampling
    ) -> tuple[Tensor, Tensor]:
        codes, lost = plain(self, prompts, drawn, frames, sampling)
        return codes, lost | torch.tensor([seed in seeds for seed in drawn])

    monkeypatch.setattr(MusicGen, "_play", losing)


def test_case_one_of_several_takes_is_nan_in_half_precision(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, EXPLORED[1], FRESH[2])
    found, _ = session.diagnose(PROMPT, QUICK)
    assert [take.seed for take in found.takes] == [1, 3, 4]
    assert [take.seed for take in found.drivers.tested] == [5, 6, 8]
    for seed in (2, 7):
        assert any(f"The take of seed {seed} is not made of numbers" in caveat for caveat in found.caveats)
    group = found.drivers.group
    assert group is not None and sum(group.muted.heard.values()) == 3


def test_an_edit_is_heard_in_the_takes_that_are_left(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, EXPLORED[0], FRESH[0])
    edit = Edit(targets(session.generator, ("decoder.1.mlp:5",)), "set", 30.0)
    found, _ = session.experiment(PROMPT, edit, QUICK)
    assert [take.seed for take in found.untouched] == [take.seed for take in found.edited] == [6, 7, 8]
    assert any("seed 5 is not made of numbers" in caveat for caveat in found.caveats)


def test_where_no_take_is_left_that_is_said(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, *EXPLORED)
    with pytest.raises(TonescopeError, match="made of numbers"):
        session.diagnose(PROMPT, QUICK)
