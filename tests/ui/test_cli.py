"""The command line: what it writes, and one plain sentence for everything that cannot be done."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch
from safetensors.torch import load_file
from tonescope.diagnose.result import Diagnosis
from tonescope.diagnose.session import Session
from tonescope.ui.cli import app
from typer.testing import CliRunner, Result

PROMPT = "smooth jazz with piano"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diagnose", *arguments])


def quick(folders: tuple[Path, Path], *arguments: str) -> Result:
    generator, judge = folders
    return run("--model", str(generator), "--judge", str(judge), "--takes", "2", "--seconds", "0.5", *arguments)


def assert_refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    message = result.stderr.strip()
    assert message.startswith("error: ") and "Traceback" not in message
    for word in words:
        assert word in message.replace("\n", " "), message


def test_output_folder_holds_everything(folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    result = quick(folders, PROMPT, "--out", str(out), "--timings")
    assert result.exit_code == 0, result.output
    diagnosis = Diagnosis.model_validate_json((out / "diagnosis.json").read_text())
    assert diagnosis.prompt == PROMPT and len(diagnosis.takes) == 2
    assert diagnosis.drivers.group is not None
    for name in (
        [take.audio for take in diagnosis.takes] + diagnosis.drivers.group.audio + diagnosis.drivers.group.control_audio
    ):
        assert name is not None
        audio, rate = soundfile.read(out / name)
        assert rate == 1600 and len(audio) == 800
    trace = load_file(out / "trace.safetensors")
    assert trace["codes"].shape == (2, 4, 25) and "effects/decoder.0.mlp" in trace
    page = (out / "report.html").read_text()
    assert page.count('src="data:audio/wav;base64,') == 6 and "Plotly.newPlot" in page
    assert "http://" not in page.split("</script>", 1)[0][:2000] and "<script src" not in page
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_json_is_the_documented_schema(folders: tuple[Path, Path]) -> None:
    result = quick(folders, PROMPT, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    for key in (
        "schema_version",
        "prompt",
        "model",
        "judge",
        "settings",
        "intended",
        "perceived",
        "verdict",
        "takes",
        "caveats",
    ):
        assert key in data
    assert {"units", "words", "seconds"} <= set(data["drivers"])
    assert all(unit["badge"] == "estimated" for unit in data["drivers"]["units"])
    assert Diagnosis.model_validate(data).model_dump(mode="json") == data


def test_the_same_seed_gives_the_same_diagnosis(folders: tuple[Path, Path]) -> None:
    first, again = (json.loads(quick(folders, PROMPT, "--json", "--seed", "7").stdout) for _ in range(2))
    del first["timings"], again["timings"]
    assert first == again


def test_what_the_user_typed_is_escaped_in_the_report(folders: tuple[Path, Path], tmp_path: Path) -> None:
    result = quick(folders, "jazz <script>alert(1)</script>", "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], ["empty"]),
        (["   "], ["empty"]),
        (["x" * 20_000], ["20000 characters"]),
        (["🎷🎹"], ["no word"]),
        ([PROMPT, "--takes", "0"], ["takes"]),
        ([PROMPT, "--takes", "100000"], ["takes"]),
        ([PROMPT, "--seconds", "-1"], ["seconds"]),
        ([PROMPT, "--seconds", "nan"], ["seconds"]),
        ([PROMPT, "--guidance", "-3"], ["guidance"]),
        ([PROMPT, "--seed", "-3"], ["seed"]),
        ([PROMPT, "--model", "nowhere"], ["no generator", "nowhere"]),
        ([PROMPT, "--model", "/no/such/folder"], ["no generator"]),
        ([PROMPT, "--model", "owner/name"], ["owner/name", "could not be loaded"]),
        ([PROMPT, "--against", "skiffle"], ["skiffle", "knows"]),
        ([PROMPT, "--intended", "skiffle"], ["skiffle", "knows"]),
        ([PROMPT, "--device", "teapot"], ["teapot"]),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else str(value),
)
def test_bad_input_gets_one_sentence(folders: tuple[Path, Path], arguments: list[str], words: list[str]) -> None:
    base = [] if "--model" in arguments else ["--model", str(folders[0]), "--judge", str(folders[1])]
    assert_refused(run(*base, *arguments), *words)


def test_another_script_is_not_an_error(folders: tuple[Path, Path]) -> None:
    assert quick(folders, "ジャズ フュージョン 🎷", "--json").exit_code == 0


def test_a_folder_that_is_no_model(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert_refused(run(PROMPT, "--model", str(tmp_path)), "config.json")
    assert_refused(run(PROMPT, "--model", str(folders[1]), "--judge", str(folders[1])), "clap")
    assert_refused(run(PROMPT, "--model", str(folders[0]), "--judge", str(folders[0])), "musicgen")


def test_pickled_weights_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "pickled"
    shutil.copytree(folders[0], copy)
    (copy / "model.safetensors").unlink()
    torch.save({}, copy / "pytorch_model.bin")
    assert_refused(run(PROMPT, "--model", str(copy), "--judge", str(folders[1])), "pickled", "save_pretrained")


def test_a_folder_without_tokenizer(folders: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "mute"
    shutil.copytree(folders[0], copy)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copy / name).unlink()
    assert_refused(run(PROMPT, "--model", str(copy), "--judge", str(folders[1])), "could not be loaded")


def test_a_truncated_weight_file(folders: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "cut"
    shutil.copytree(folders[0], copy)
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert_refused(run(PROMPT, "--model", str(copy), "--judge", str(folders[1])), "could not be loaded")


def test_output_is_never_overwritten_unasked(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path)), "not empty", "--overwrite")
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path / "kept.txt")), "file")
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_an_output_folder_that_cannot_be_written(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setattr("tonescope.diagnose.report.folder.os.access", lambda *_: False)  # root may write everywhere
    assert_refused(quick(folders, PROMPT, "--out", str(locked / "out")), "cannot be written")


def test_ctrl_c_leaves_nothing_behind(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "diagnose", stop)
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path / "out")), "Ctrl-C")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    monkeypatch.setattr("tonescope.diagnose.report.files.render", stop)
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path / "out")), "Ctrl-C")
    assert not list(tmp_path.iterdir())


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from tonescope.ui.cli import app; heavy = {'torch', 'transformers', 'gradio', 'plotly', 'numpy'} & set(sys.modules); assert not heavy, heavy"
    subprocess.run([sys.executable, "-c", code], check=True)
