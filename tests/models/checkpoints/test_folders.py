"""Folders as users have them, and names that are none: told what they are, and what to type."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.models.ruined import refused, set_field
from tonescope.models.checkpoints.folders import OURS
from tonescope.models.loading import check_names, load_generator, load_judge
from tonescope.ui.cli import app


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
@pytest.mark.parametrize(
    ("option", "load"),
    [
        ("model", load_generator),
        ("judge", load_judge),
        ("adapter", lambda value: load_generator(adapter=value)),
        ("judge", lambda value: check_names(judge=value)),
        ("adapter", lambda value: check_names(adapter=value)),
    ],
)
def test_an_empty_shell_variable_is_no_name(option: str, load: Callable[[str], object], value: str) -> None:
    refused(lambda: load(value), f"--{option} was given nothing")


@pytest.mark.parametrize("name", ["./none/of/it", "~/none", "/no/such/folder", "none/of/it"])
def test_a_path_that_leads_nowhere_is_told_as_a_folder_that_is_not_there(name: str) -> None:
    ours = ", ".join(f"“{model}”" for model in OURS)
    refused(lambda: check_names(model=name), f"there is no folder “{name}”, so no generator: give {ours}, a folder")
    refused(lambda: check_names(adapter=name), f"there is no folder “{name}”, so no adapter: give the folder that")


def test_a_name_that_is_no_path_is_told_as_a_name() -> None:
    refused(lambda: check_names(judge="none"), "there is no judge called “none”: give “embedded”")


@pytest.mark.parametrize("option", ["--model", "--judge", "--adapter"])
def test_an_empty_value_ends_the_command_with_code_2(folders: tuple[Path, Path], option: str) -> None:
    models = {"--model": str(folders[0]), "--judge": str(folders[1])} | {option: ""}
    arguments = [part for pair in models.items() for part in pair]
    done = CliRunner().invoke(app, ["diagnose", "house", "--takes", "2", "--seconds", "0.5", "--json", *arguments])
    assert done.exit_code == 2 and f"{option} was given nothing" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("part", "file", "field", "value"),
    [
        (0, "config.json", "decoder.num_codebooks", 3),
        (0, "config.json", "decoder.num_hidden_layers", 10**6),
        (0, "config.json", "decoder.pad_token_id", 10**6),
        (0, "generation_config.json", "", "no JSON"),
        (1, "tonescope.json", "meaning", -5),
        (1, "preprocessor_config.json", "hop_length", 0),
        (1, "tokenizer.json", "", "no JSON"),
    ],
)
def test_a_ruined_folder_ends_the_command_with_code_2(
    copies: tuple[Path, Path], part: int, file: str, field: str, value: Any
) -> None:
    if field:
        set_field(copies[part], field, value, file)
    else:
        (copies[part] / file).write_text(value)
    models = ["--model", str(copies[0]), "--judge", str(copies[1])]
    done = CliRunner().invoke(app, ["diagnose", "house", "--takes", "2", "--seconds", "0.5", "--json", *models])
    assert done.exit_code == 2 and isinstance(done.exception, SystemExit), done.output
    assert done.stderr.startswith("error: ") and done.stderr.count("error:") == 1 and not done.stdout


@pytest.mark.parametrize("files", [["state_dict.bin"], ["state_dict.bin", "compression_state_dict.bin"]])
def test_audiocrafts_state_dict_and_compression_state_dict(tmp_path: Path, files: list[str]) -> None:
    for file in files:
        (tmp_path / file).write_bytes(b"PK\x03\x04")
    refused(lambda: load_generator(str(tmp_path)), "audiocraft", "convert_musicgen_transformers.py", *files)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_pickles_are_not_opened(copies: tuple[Path, Path], name: str) -> None:
    (copies[0] / "model.safetensors").rename(copies[0] / name)
    refused(lambda: load_generator(str(copies[0])), "only pickled weights", "save_pretrained")


def test_weights_under_another_name_are_not_guessed(copies: tuple[Path, Path]) -> None:
    (copies[0] / "model.safetensors").rename(copies[0] / "weights.safetensors")
    refused(lambda: load_generator(str(copies[0])), "no model.safetensors")


def test_a_file_is_no_folder(copies: tuple[Path, Path]) -> None:
    refused(lambda: load_generator(str(copies[0] / "model.safetensors")), "is a file", "folder")


def test_a_pipe_is_not_waited_for(copies: tuple[Path, Path]) -> None:
    (copies[0] / "model.safetensors").unlink()
    os.mkfifo(copies[0] / "model.safetensors")
    refused(lambda: load_generator(str(copies[0])), "model.safetensors")


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("clap", ["“clap”", "has to be a “musicgen”, “musicgen_melody”, “StableAudioPipeline”"]),
        ("encodec", ["codec alone", "whole model"]),
        ("no such model", ["“no such model”"]),
        ("a\x1b[2J", ["names no model_type"]),
        (5, ["names no model_type"]),
        (None, ["names no model_type"]),
    ],
)
def test_another_kind_of_model_is_told_what_it_is(copies: tuple[Path, Path], stated: Any, words: list[str]) -> None:
    set_field(copies[0], "model_type", stated)
    assert "\x1b" not in refused(lambda: load_generator(str(copies[0])), *words)


def test_a_pipeline_is_named_by_its_class(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "AudioLDM2Pipeline"}')
    refused(lambda: load_generator(str(tmp_path)), "“AudioLDM2Pipeline”", "cannot be used as the generator")


def test_names_are_checked_before_anything_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom tonescope.models.loading import check_names\n"
        "try: check_names('nowhere', None, None)\n"
        "except Exception as error: print(error)\n"
        "check_names('embedded', 'embedded')\n"
        "print(sorted({'torch', 'transformers', 'peft'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no generator called" in done.stdout and done.stdout.strip().endswith("[]")
