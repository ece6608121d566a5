"""The examples run on tiny models, find what they say, and use public names only."""

from __future__ import annotations

import ast
import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import soundfile
import torch

import tonescope
from docs import gallery
from examples import (
    attribute_units,
    compare_prompts,
    diagnose_a_prompt,
    edit_units,
    find_the_cause,
    leave_out_words,
    mute_a_group,
    patch_from_a_trace,
)
from tests import tiny
from tests.diagnose.causes import known_cause
from tests.diagnose.causes.known_cause import NearestJudge
from tonescope import SearchResult, Session, Settings, TonescopeError, play
from tonescope.models.generator import Takes

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
PROMPT, OTHER = "house with piano", "techno drums"
QUICK = Settings(takes=2, seconds=0.5, candidates=4, rounds=1, tested_words=1, doses=())
LONGEST = 50  # lines
PUBLIC = frozenset(dir(tonescope))


@pytest.fixture(scope="module")
def session() -> Session:
    """Random models; the cross-attention is so much stronger that prompts are heard in what is played."""
    made = tiny.session()
    for name, weight in made.generator.model.named_parameters():
        if "encoder_attn.out_proj" in name or "enc_to_dec_proj" in name:
            weight.data *= 30
    return made


def test_a_prompt_is_diagnosed(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    diagnosis = diagnose_a_prompt.main(session, PROMPT, QUICK)
    printed = capsys.readouterr().out
    assert printed.startswith(diagnosis.verdict.sentence)
    assert all(f"without “{word}”" in printed for word in ("house", "piano"))
    assert "2 takes and 2 fresh ones" in printed


def test_units_are_edited_and_can_be_heard(session: Session, tmp_path: Path) -> None:
    units = ["decoder.1.mlp:7", "decoder.2.self:1"]
    experiment = edit_units.main(session, PROMPT, tmp_path / "out", units, QUICK)
    assert (experiment.edit.targets, experiment.edit.kind, experiment.edit.value) == (units, "scale", 0.5)
    files = sorted((tmp_path / "out").glob("*.wav"))
    seeds = sorted(take.seed for take in experiment.untouched)
    names = ("edited", "random_edited", "untouched")
    assert [file.stem for file in files] == [f"{name}-{seed}" for name in names for seed in seeds]
    assert all(soundfile.info(file).frames == soundfile.info(files[0]).frames > 0 for file in files)


def test_a_unit_that_the_model_lacks_is_refused_before_anything_is_written(session: Session, tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match=r"decoder\.9\.mlp"):
        edit_units.main(session, PROMPT, tmp_path / "out", ["decoder.9.mlp:7"], QUICK)
    assert not (tmp_path / "out").exists()


def test_the_strongest_units_are_listed_by_their_estimates(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    found = attribute_units.main(session, PROMPT, QUICK)
    began, heard, what, *lines = capsys.readouterr().out.splitlines()
    assert began.startswith("Playing ") and "estimated" in heard and "log-odds" in what and "not played" in what
    effects = [float(line.split()[1]) for line in lines]
    assert [line.split()[0] for line in lines] == [str(unit) for unit, _ in found.ranked(attribute_units.SHOWN)]
    assert effects == sorted(effects)


def test_every_word_is_left_out_once(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    found = leave_out_words.main(session, PROMPT, QUICK)
    assert {name.split()[0] for name in found} == {"house", "piano"}
    assert list(found.values()) == sorted(found.values())
    assert "“house”:" in capsys.readouterr().out  # without "piano", "with" would hang in the air


def test_a_prompt_of_one_word_leaves_nothing_to_leave_out(session: Session) -> None:
    with pytest.raises(TonescopeError, match="at least two words"):
        leave_out_words.main(session, "house", QUICK)


def test_takes_are_patched_from_a_trace(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, patched = patch_from_a_trace.main(session, OTHER, PROMPT, tmp_path / "out", QUICK)
    assert given.seeds == patched.seeds and set(patched.prompts) == {PROMPT}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"trace.json", "trace.safetensors"}
    # All that the decoder reads of the prompt comes from the source, up to half precision: so the source is played.
    alone = play(session.context(QUICK), [PROMPT, PROMPT], given.seeds)
    assert (patched.waveform == given.waveform).float().mean() > 0.9
    assert (alone.waveform == given.waveform).float().mean() < 0.5
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [OTHER, PROMPT, "patched"]


def test_two_prompts_are_compared(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    change = compare_prompts.main(session, PROMPT, OTHER, QUICK)
    assert change.shape == (QUICK.takes, len(session.judge.labels))
    assert change.abs().max() > 1e-4 and change.sum(1).abs().max() < 1e-5
    assert not compare_prompts.main(session, PROMPT, PROMPT, QUICK).abs().max() > 1e-5
    assert capsys.readouterr().out.count("take 1:") == 2


def test_a_group_is_muted(session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mute_a_group.main(session, PROMPT, tmp_path / "out", QUICK)
    assert len(list((tmp_path / "out").glob("*.wav"))) == 6
    names = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert names == ["untouched", "muted", "random units muted"]


def searched(judge: NearestJudge | None = None) -> SearchResult:
    """Of a generator in which one neuron makes the prompt what it is."""
    there = known_cause.known()
    there = there.heard_by(judge) if judge else there
    context = there.context
    session = SimpleNamespace(context=lambda _: context, judge=context.judge, generator=context.generator)
    settings = Settings(takes=4, seconds=known_cause.SECONDS, candidates=24)
    return find_the_cause.main(cast(Session, session), known_cause.PROMPT, settings)


def test_a_cause_is_found_where_there_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = searched()
    lines = capsys.readouterr().out.splitlines()
    assert found.group == (known_cause.FIRST,)
    assert f"because of {known_cause.FIRST} (alone)" in lines[1] and f"{found.rows} takes were played" in lines[0]
    counts = {line.split(":")[0]: line.split(": ")[1].split(" of ")[0] for line in lines[2:]}
    assert counts == {"untouched": "4", "muted": "0", "random units muted": "4"}


def test_no_cause_is_named_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    judge = known_cause.known().context.judge
    assert isinstance(judge, NearestJudge)
    found = searched(replace(judge, sharpness=0.0, centres=judge.centres[[0, 1, 1]], labels=("a", "b", "c")))
    assert not found.group and "no small set" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_uses_public_names_only(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tonescope"):
            assert node.module == "tonescope", f"{node.module} is not public"
            assert not {alias.name for alias in node.names} - PUBLIC
        elif isinstance(node, ast.Import):
            assert not [alias.name for alias in node.names if alias.name.startswith("tonescope.")]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ts":
            assert node.attr in PUBLIC, f"ts.{node.attr} is not public"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_case_an_example_without_arguments_runs_on_those_that_it_shows(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each calls its ``main`` with a session first and settings last; what is between comes of the command line."""
    shown = shlex.split(next(line for line in example.read_text().splitlines() if line.startswith("python ")))
    taken = [called(example, arguments, monkeypatch) for arguments in ([], shown[2:])]
    assert taken[0] == taken[1] and len(taken[0]) > 1


def called(example: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """What the ``main`` of an example is called with, without its session."""
    tree, taken = ast.parse(example.read_text(encoding="utf-8")), list[tuple[object, ...]]()
    tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    monkeypatch.setattr(sys, "argv", [str(example), *arguments])
    monkeypatch.setattr(Session, "open", lambda: None)
    about = {"__name__": "__main__", "__doc__": ast.get_docstring(tree), "main": lambda _, *given: taken.append(given)}
    exec(compile(tree, str(example), "exec"), about)
    return taken[0]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_that_cannot_be_run_says_why_and_ends_with_2(
    example: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> Session:
        raise TonescopeError("there is no such model.")

    monkeypatch.setattr(Session, "open", refuse)
    for arguments, told in (([], "error: there is no such model."), (["--nonsense"], "--nonsense")):
        monkeypatch.setattr(sys, "argv", [str(example), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(example), run_name="__main__")
        assert ended.value.code == 2 and told in capsys.readouterr().err


def test_every_public_name_is_there() -> None:
    assert not [name for name in sorted(PUBLIC) if not hasattr(tonescope, name)]


def test_there_is_an_example_for_every_row_of_their_list() -> None:
    listed = (EXAMPLES[0].parent / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES] == sorted(
        line.split("`")[1] for line in listed.splitlines() if "| `" in line
    )


RATE = 16_000


@pytest.mark.parametrize("level, told", [(0.0, "silent"), (1e-5, "silent"), (4.0, "clipped")])
def test_a_gallery_of_sounds_that_nobody_would_hear_or_that_are_clipped_is_refused(level: float, told: str) -> None:
    beat = torch.sin(torch.arange(RATE) / 20)

    def of(wave: torch.Tensor) -> dict[str, Takes]:
        return {"piece": Takes(("polka",), (1,), {}, wave.clamp(-1, 1)[None])}

    gallery.check_sounds(of(0.5 * beat), RATE)
    with pytest.raises(ValueError, match=told):
        gallery.check_sounds(of(level * beat), RATE)
