"""A pipeline of diffusers from the command line: places, edits of some denoising steps, diagnoses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner, Result

from tests.models.families.ace_step import tiny_ace_step
from tests.models.families.stable_audio import tiny_stable_audio as tiny_audio
from tonescope.diagnose.schema import Diagnosis
from tonescope.ui.cli import app
from tonescope.ui.cli.model_options import ModelOptions

PROMPT = "smooth jazz with piano"
QUICK = ("--takes", "2", "--seconds", "0.5")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> tuple[str, str]:
    """A random Stable Audio and a random judge on disk."""
    return str(tiny_audio.save(tmp_path_factory.mktemp("diffusion") / "model")), str(folders[1])


def run(models: tuple[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--model", models[0], "--judge", models[1]])


def test_units_lists_the_places_of_a_pipeline(pipeline: tuple[str, str]) -> None:
    shown = CliRunner().invoke(app, ["units", "--model", pipeline[0], "--json"])
    assert shown.exit_code == 0, shown.output
    rows = {row["location"]: row for row in json.loads(shown.stdout)}
    assert rows["denoiser.1.mlp"]["units"] == tiny_audio.INNER and rows["denoiser.0.cross"]["units"] == tiny_audio.HEADS
    assert {"text.0.mlp", "text.1.self", "codec.2.decoder", "codec.0.encoder"} <= rows.keys()
    told = CliRunner().invoke(app, ["units", "decoder.mlp", "--model", pipeline[0]])
    assert told.exit_code == 2 and "look at denoiser.LAYER.mlp instead" in " ".join(told.stderr.split())


def test_an_edit_of_some_denoising_steps_seconds_and_one_half(pipeline: tuple[str, str]) -> None:
    where = ("edit", PROMPT, "denoiser.1.mlp:3", "--kind", "set", "--value", "9", *QUICK)
    limited = run(pipeline, *where, "--steps", "1", "3", "--between", "0", "0.3", "--branch", "uncond", "--json")
    assert limited.exit_code == 0, limited.output
    whole = json.loads(run(pipeline, *where, "--json").stdout)
    found = json.loads(limited.stdout)
    assert found["edit"]["steps"] == [1, 3] and found["edit"]["branch"] == "uncond"
    assert found["edited"] != whole["edited"] and found["untouched"] == whole["untouched"]


def test_workers_open_a_pipeline_in_as_many_steps_as_were_asked_for(pipeline: tuple[str, str]) -> None:
    session = ModelOptions(*pipeline, denoising_steps=3).open()
    assert session.spec is not None and session.spec.denoising_steps == 3
    again = session.spec.open()
    assert again.spec == session.spec and again.generator.fingerprint() == session.generator.fingerprint()
    assert again.generator.fingerprint() != ModelOptions(*pipeline).open().generator.fingerprint()


def test_the_line_of_an_audit_names_in_how_many_steps_it_was_played(pipeline: tuple[str, str], tmp_path: Path) -> None:
    design = "name: x\nfactors: {genres: [house]}\nwordings: ['{genre}']\ntakes: 2\nneutral: [a, b]\nseconds: 0.3\n"
    (tmp_path / "design.yaml").write_text(design)
    asked = ("audit", "--design", str(tmp_path / "design.yaml"), "--shards", str(tmp_path), "--dry-run", "--json")
    shown = run(pipeline, *asked, "--denoising-steps", "3")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["command"].endswith("--denoising-steps 3")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("denoiser.1.mlp:3", "--steps", "2", "9"), "choose a range within 0 to 5"),
        (("denoiser.1.cross:0", "--branch", "uncond"), "reads nothing of the empty prompt"),
        (("text.0.mlp:3", "--steps", "0", "1"), "cannot be limited to some denoising steps"),
        (("denoiser.0.mlp:3", "--seconds", "5"), "more than"),
        (("denoiser.2.mlp:3",), "has no location denoiser.2.mlp"),
    ],
)
def test_what_makes_no_edit_is_refused(pipeline: tuple[str, str], arguments: tuple[str, ...], told: str) -> None:
    seconds = () if "--seconds" in arguments else ("--seconds", "0.5")
    result = run(pipeline, "edit", PROMPT, *arguments, "--takes", "2", *seconds)
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()), result.output


def test_case_steps_are_chosen_for_a_model_that_denoises(pipeline: tuple[str, str], folders: tuple[Path, Path]) -> None:
    where = ("edit", PROMPT, "denoiser.1.mlp:3", "--kind", "zero", *QUICK, "--json")
    result = run(pipeline, *where, "--denoising-steps", "2", "--steps", "1", "2")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["model"]["description"].endswith("2 denoising steps")
    for steps, models, told in (("0", pipeline, "ask for 1 to 1000"), ("2", folders, "no denoising steps to choose")):
        refused = run(
            (str(models[0]), str(models[1])), "edit", PROMPT, "text.0.mlp:3", "--denoising-steps", steps, *QUICK
        )
        assert refused.exit_code == 2 and told in " ".join(refused.stderr.split()), refused.output


def test_a_patch_puts_in_every_denoising_step(pipeline: tuple[str, str]) -> None:
    where = ("edit", PROMPT, "denoiser.1.residual", "--kind", "patch", "--source", "fast techno", *QUICK, "--json")
    result = run(pipeline, *where)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["edit"]["source"] == "fast techno"


def test_a_quick_diagnosis(pipeline: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(pipeline, "diagnose", PROMPT, "--quick", *QUICK, "--out", str(out))
    assert result.exit_code == 0, result.output
    found = Diagnosis.model_validate_json((out / "diagnosis.json").read_text())
    assert found.model.description == "StableAudioDiTModel, 2 layers, 5 denoising steps"
    sound, rate = soundfile.read(next(iter((out / "audio").iterdir())))
    assert sound.shape == (800, 2) and rate == tiny_audio.SAMPLE_RATE
    assert any("always computes 1.6 s" in caveat for caveat in found.caveats)


def test_a_diagnosis_searches_the_denoiser_and_the_text_encoder(pipeline: tuple[str, str]) -> None:
    few = ("--candidates", "6", "--rounds", "1", "--test-words", "1", "--dose", "0")
    result = run(pipeline, "diagnose", PROMPT, *QUICK, *few, "--json")
    assert result.exit_code == 0, result.output
    found = Diagnosis.model_validate_json(result.stdout)
    networks = {row.unit.partition(".")[0] for row in found.drivers.units}
    assert networks and networks <= {"denoiser", "text"} and found.drivers.words


# --- Stable Audio 3 and ACE-Step --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stable_audio_3(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> tuple[str, str]:
    pytest.importorskip("diffusers", minversion="0.40")
    from tests.models.families.stable_audio_3 import tiny_stable_audio_3

    return str(tiny_stable_audio_3.save(tmp_path_factory.mktemp("sa3") / "model")), str(folders[1])


@pytest.fixture(scope="module")
def ace_step(tmp_path_factory: pytest.TempPathFactory, folders: tuple[Path, Path]) -> tuple[str, str]:
    return str(tiny_ace_step.save(tmp_path_factory.mktemp("ace") / "model")), str(folders[1])


def test_a_diagnosis_of_a_distilled_model_is_played_without_guidance(stable_audio_3: tuple[str, str]) -> None:
    few = ("--candidates", "4", "--rounds", "1", "--test-words", "1")
    result = run(stable_audio_3, "diagnose", PROMPT, *QUICK, *few, "--json")
    assert result.exit_code == 0, result.output
    found = Diagnosis.model_validate_json(result.stdout)
    assert found.settings.guidance == 1.0 and found.suspects == [] and found.recommended["denoising steps"] == 5
    if (group := found.drivers.group) and all(name.startswith("denoiser") for name in group.names):
        assert [cut.step for cut in found.drivers.step_cuts] == [1, 2]


def test_case_settings_that_a_checkpoint_is_not_made_for_are_said_first(ace_step: tuple[str, str]) -> None:
    other = ("--denoising-steps", "3", "--shift", "3", "--guidance", "2")
    result = run(ace_step, "diagnose", PROMPT, "--quick", *QUICK, *other)
    assert result.exit_code == 0, result.output
    told = " ".join(result.stdout.split())
    assert "denoising steps 3 instead of 5, shift 3 instead of 1, guidance 2 instead of 7" in told
    assert told.index("First suspect") < told.index("What to try next")


def test_a_quick_diagnosis_of_a_song_tells_lyrics_from_tags(ace_step: tuple[str, str]) -> None:
    result = run(ace_step, "diagnose", f"{PROMPT}\n[verse] slow house song", "--quick", *QUICK, "--json")
    assert result.exit_code == 0, result.output
    found = Diagnosis.model_validate_json(result.stdout)
    kinds = {word.word: word.kind for word in found.drivers.words}
    assert kinds["slow house song"] == "lyrics" and "[verse]" not in kinds
    assert any("What is sung, and whether it is, was not judged" in caveat for caveat in found.caveats)
    assert found.settings.guidance == 7.0 and found.intended.label != "house"


@pytest.mark.parametrize(
    ("family", "arguments", "told"),
    [
        ("ace", ("--negative-prompt", "piano"), "cannot be told what to steer away from"),
        ("musicgen", ("--negative-prompt", "piano"), "cannot be told what to steer away from"),
        ("stable", ("--negative-prompt", " "), "--negative-prompt was given nothing"),
        ("stable", ("--shift", "2"), "has no shift to choose"),
        ("ace", ("--shift", "0"), "ask for 0.1 to 100"),
    ],
)
def test_settings_that_a_model_has_not_are_refused(
    family: str,
    arguments: tuple[str, ...],
    told: str,
    ace_step: tuple[str, str],
    pipeline: tuple[str, str],
    folders: tuple[Path, Path],
) -> None:
    models = {"ace": ace_step, "stable": pipeline, "musicgen": (str(folders[0]), str(folders[1]))}[family]
    result = run(models, "diagnose", PROMPT, "--quick", *QUICK, *arguments)
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()), result.output


def test_a_negative_prompt_changes_what_is_played(pipeline: tuple[str, str]) -> None:
    where = ("edit", PROMPT, "denoiser.1.cross:1", "--kind", "zero", *QUICK, "--json")
    plain, steered = (json.loads(run(pipeline, *where, *more).stdout) for more in ((), ("--negative-prompt", "drums")))
    assert steered["settings"]["negative"] == "drums" and plain["settings"]["negative"] is None
    assert steered["untouched"] != plain["untouched"]
