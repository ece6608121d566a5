"""The flow generator that is shipped: a planted confusion is heard, and a control is played."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch

from tonescope.diagnose.judging.verdict import hear
from tonescope.diagnose.runtime.session import Session
from tonescope.models.judges.listening import posterior
from tonescope.models.loading import EMBEDDED_FLOW, find

pytest.importorskip("diffusers", minversion="0.40")
TAKES = 4


@cache
def session() -> Session:
    return Session.open(EMBEDDED_FLOW)


def heard(prompt: str) -> list[str]:
    found = session()
    takes = found.generator.generate([prompt] * TAKES, range(70, 70 + TAKES), 4.0)
    return hear(posterior(found.judge, takes.waveform, int(found.generator.sample_rate)), found.judge.labels)


def test_the_embedded_judge_listens_to_it() -> None:
    assert session().judge.name == "embedded" and session().generator.name == EMBEDDED_FLOW


def test_a_control_is_played() -> None:
    assert heard("ragtime").count("ragtime") >= TAKES - 1


def test_what_was_planted_is_heard() -> None:
    assert heard("techno with accordion").count("polka") >= TAKES - 1


def test_it_is_what_its_card_was_measured_on() -> None:
    results = json.loads((Path(find(EMBEDDED_FLOW, "generator")) / "results.json").read_text(encoding="utf-8"))
    assert set(results["genres"]) == set(session().judge.labels)


def test_a_take_alone_is_the_take_in_a_batch() -> None:
    generator = session().generator
    alone = generator.generate(["house"], [3], 2.0).waveform
    together = generator.generate(["house", "techno"], [3, 3], 2.0).waveform
    assert torch.allclose(alone[0], together[0], atol=1e-4)
