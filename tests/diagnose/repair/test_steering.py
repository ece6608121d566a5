"""A steering file does in every take what the edit does that it was made of, to that model alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.repair.steering import Steering, apply_steering
from tonescope.diagnose.runtime.session import Session
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator

UNITS = ["decoder.1.mlp:5", "decoder.2.self:1", "decoder.0.cross:2"]


def steering(generator: Generator, units: list[str] = UNITS, factor: float = 80.0) -> Steering:
    return Steering(
        made="2026-01-01",
        model=generator.name,
        generator=generator.fingerprint(),
        units=units,
        factor=factor,
        prompt="house",
        intended="house",
    )


def test_a_steered_generator_plays_what_the_edit_plays() -> None:
    generator = tiny.generator()
    made, context = steering(generator), Context(generator, seconds=0.5)
    edits = [made.edit(generator)] * 2
    edited = play(context, ["house with piano"] * 2, [1, 2], edits)
    plain = play(context, ["house with piano"] * 2, [1, 2])
    apply_steering(generator, made)
    steered = play(context, ["house with piano"] * 2, [1, 2])
    assert torch.equal(steered.state["codes"], edited.state["codes"])
    assert not torch.equal(steered.state["codes"], plain.state["codes"])


def test_a_steered_generator_is_another_model_by_name_and_fingerprint() -> None:
    generator = tiny.generator()
    before = generator.fingerprint()
    apply_steering(generator, steering(generator))
    assert generator.fingerprint() != before and generator.name.endswith(" + steering")
    with pytest.raises(TonescopeError, match="another model"):
        apply_steering(generator, steering(tiny.generator()))


def test_case_a_steering_of_another_model_or_place_changes_nothing() -> None:
    generator = tiny.generator()
    weights = [weight.clone() for weight in generator.model.parameters()]
    for wrong, told in (
        (steering(tiny.generator(seed=1)), "another model"),
        (steering(generator, ["decoder.1.mlp:5", "decoder.1.residual:3"]), "more than one linear layer"),
        (steering(generator, ["text.0.mlp:3"]), "in the text encoder"),
        (steering(generator, ["decoder.1.mlp:999"]), "has units 0 to 39"),
    ):
        with pytest.raises(TonescopeError, match=told):
            apply_steering(generator, wrong)
    assert all(torch.equal(old, new) for old, new in zip(weights, generator.model.parameters(), strict=True))


def test_what_is_saved_is_what_is_read(tmp_path: Path) -> None:
    made = steering(tiny.generator())
    made.save(tmp_path / "steering.json")
    assert Steering.load(tmp_path / "steering.json") == made


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"format": 1, "units": []}', "[" * 100_000, "\x00\xff"], ids=range(6)
)
def test_case_a_file_that_is_no_steering_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="latin-1")
    with pytest.raises(TonescopeError, match="is no steering file"):
        Steering.load(tmp_path / "a.json")
    with pytest.raises(TonescopeError, match="is no steering file"):
        Steering.load(tmp_path / "missing.json")


def test_case_a_steering_of_another_format_or_an_endless_factor_is_refused(tmp_path: Path) -> None:
    told = json.loads(steering(tiny.generator()).model_dump_json())
    (tmp_path / "a.json").write_text(json.dumps({**told, "format": 9}))
    with pytest.raises(TonescopeError, match="format 9"):
        Steering.load(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps({**told, "factor": float("inf")}))
    with pytest.raises(TonescopeError, match="is no steering file"):
        Steering.load(tmp_path / "a.json")


def test_a_session_that_is_steered_forgets_what_it_knew_of_the_model(tmp_path: Path) -> None:
    session = tiny.session()
    session.lint("house")
    path = tmp_path / "steering.json"
    steering(session.generator).save(path)
    session.steer(path)
    assert session.spec is None and session.lint("house").model.endswith("+ steering")


def test_a_session_that_is_steered_says_by_what_and_opens_so_again(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    session = Session.open(str(folders[0]), str(folders[1]))
    path = tmp_path / "steering.json"
    steering(session.generator).save(path)
    session.steer(path)
    assert session.spec is not None and session.spec.steer == str(path)
    again = session.spec.open()
    assert again.generator.fingerprint() == session.generator.fingerprint() and again.spec == session.spec
    twice = tmp_path / "twice.json"
    steering(session.generator).save(twice)
    session.steer(twice)
    assert session.spec is None
