"""The line that makes an audit again names everything that decides what is played and heard."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.audit.audit_command import NONE, command
from tonescope.diagnose.jobs.audit_job import AuditParameters
from tonescope.diagnose.runtime.work_items import ModelSpec


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (ModelSpec("embedded", "embedded"), ""),
        (ModelSpec("embedded", "laion/larger_clap_music"), " --judge laion/larger_clap_music"),
        (ModelSpec("m", "embedded"), " --model m --judge embedded"),
        (ModelSpec("m", denoising_steps=20, shift=2.5), " --model m --denoising-steps 20 --shift 2.5"),
        (ModelSpec("embedded", steer="my steering.json"), ' --steer "my steering.json"'),
        (
            ModelSpec("m", device="cuda", dtype="float16", labels="l.toml"),
            " --model m --device cuda --dtype float16",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_options_of_the_models_are_in_it(spec: ModelSpec, told: str) -> None:
    assert command(AuditParameters(), spec).startswith(f"tonescope audit{told}")


def test_models_that_were_made_in_memory_have_no_line() -> None:
    assert command(AuditParameters(), None) == NONE


def test_what_was_asked_is_in_it_and_what_decides_nothing_is_not() -> None:
    asked = AuditParameters(depth=True, takes_at_most=9, second_judge="j", sign="A", engine="ray", shards=Path("s"))
    assert command(asked, ModelSpec("embedded")) == "tonescope audit --takes-at-most 9 --depth --second-judge j"
