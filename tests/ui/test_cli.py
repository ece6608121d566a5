"""The command line: what it writes, and one plain sentence for everything that cannot be done."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from tonescope.diagnose.jobs import diagnosis_job
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.report.output_folder import trials
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.store.traces import Trace
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location
from tonescope.ui.cli import app

PROMPT = "smooth jazz with piano"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["diagnose", *arguments])


def quick(folders: tuple[Path, Path], *arguments: str) -> Result:
    generator, judge = folders
    small = ["--takes", "2", "--seconds", "0.5", "--rounds", "1"]
    return run("--model", str(generator), "--judge", str(judge), *small, *arguments)


def assert_refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    told = [line for line in result.stderr.strip().splitlines() if not line.endswith(" …")]  # progress may come before
    message = "\n".join(told)
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
    played = trials(diagnosis)
    words = [word.word for word in diagnosis.drivers.words]
    assert sorted(words) == ["piano", "smooth jazz"]
    assert len(played) > 2 + len(words) and all(len(trial.audio) == 2 for trial in played)
    rows = diagnosis.takes + diagnosis.drivers.tested
    assert [take.seed for take in rows] == [1, 2, 3, 4]
    names = [take.audio for take in rows] + [name for trial in played for name in trial.audio]
    assert len(set(names)) == len(names)
    for name in names:
        assert name is not None
        audio, rate = soundfile.read(out / name)
        assert rate == 1600 and len(audio) == 800
    trace = Trace.load(out / "trace")
    assert trace.takes.state["codes"].shape == (2, 4, 25) and Location("decoder", 0, "mlp") in trace.values
    assert load_file(out / "estimates.safetensors")["decoder.0.mlp"].shape == (2, 40)
    page = (out / "report.html").read_text()
    assert "<tonescope-score" in page and (out / "card.png").is_file()
    sounds = [base64.b64decode(sound) for sound in re.findall(r'"data:audio/flac;base64,([^"]*)"', page)]
    held = [soundfile.read(io.BytesIO(sound), dtype="int16")[0].tobytes() for sound in sounds]
    assert len(held) >= 2 * (1 + 2 + 2)  # heard first; untouched and muted; another prompt, untouched and put in
    kept = {soundfile.read(path, dtype="int16")[0].tobytes() for path in out.rglob("*.wav")}
    assert len(set(held)) >= len(rows) and set(held) <= kept  # a small edit of a random model may change no code
    written = re.sub(r"<script.*?</script>", "", page, flags=re.S)  # what the plots' library holds is never fetched
    assert all(found.startswith("data:") for found in re.findall(r"""(?:src|href)=["']([^"']*)""", written))
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
    badges = [unit["badge"] for unit in data["drivers"]["units"]]
    assert badges and set(badges) <= {"observed", "tested", "verified"}  # every unit that is listed was muted
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
    assert_refused(
        quick(folders, PROMPT, "--out", str(tmp_path), "--overwrite"),
        "nothing that is known to be written by Tonescope",
    )
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path / "kept.txt")), "file")
    assert (tmp_path / "kept.txt").read_text() == "mine"


def test_case_overwrite_deletes_nothing_that_tonescope_did_not_write(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    docs = tmp_path / "mydocs"
    docs.mkdir()
    (docs / "diagnosis.json").write_text("{}")
    (docs / "thesis.txt").write_text("years of work")
    assert_refused(quick(folders, PROMPT, "--out", str(docs), "--overwrite"), "--overwrite replaces nothing else")
    (docs / "diagnosis.json").unlink()
    (docs / "thesis.txt").rename(tmp_path / "thesis.txt")
    assert quick(folders, PROMPT, "--out", str(docs)).exit_code == 0
    (tmp_path / "thesis.txt").rename(docs / "thesis.txt")
    (docs / "report.html").write_text("with notes of mine")
    result = quick(folders, PROMPT, "--out", str(docs), "--overwrite", "--seed", "9")
    assert result.exit_code == 0, result.output
    assert "keeps what Tonescope did not write: report.html, thesis.txt" in result.stderr
    assert "report.kept.html" in result.stderr
    assert (docs / "thesis.txt").read_text() == "years of work"
    assert (docs / "report.kept.html").read_text() == "with notes of mine"
    assert Diagnosis.model_validate_json((docs / "diagnosis.json").read_text()).takes[0].seed == 9
    assert {path.name for path in (docs / "audio").iterdir()} >= {"take-9.wav"}
    assert not (docs / "audio" / "take-1.wav").exists()


def test_case_a_folder_that_another_run_writes_is_told_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: object) -> None:
        return None

    monkeypatch.delattr(Session, "open")
    monkeypatch.setattr("tonescope.diagnose.report.folder_lock._lock", taken)  # as another process that holds it
    assert_refused(run(PROMPT, "--out", str(tmp_path / "out")), "another run", "wait for it")


def test_an_output_folder_that_cannot_be_written(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    monkeypatch.setattr(
        "tonescope.diagnose.report.atomic_folder.os.access", lambda *_: False
    )  # root may write everywhere
    assert_refused(quick(folders, PROMPT, "--out", str(locked / "out")), "cannot be written")


def test_known_clips_are_read_before_anything_is_played(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert_refused(quick(folders, PROMPT, "--known", str(tmp_path)), "holds no sound")
    assert_refused(quick(folders, PROMPT, "--known", str(tmp_path / "none")), "cannot be read")


def test_case_what_is_wrong_with_known_clips_is_in_the_result(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Cases "a clip .m4a beside .wav", "fewer clips than can show anything", "no genre in the prompt"."""
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    soundfile.write(tmp_path / "a.wav", noise, 8_000)
    (tmp_path / "b.m4a").write_bytes(b"no matter what")
    for prompt, told in (("house", ("b.m4a", "1 known clip")), ("some music", ("no genre",))):
        caveats = " ".join(json.loads(quick(folders, prompt, "--known", str(tmp_path), "--json").stdout)["caveats"])
        assert all(word in caveats for word in told), caveats


def test_case_how_long_it_will_take_is_told_before_the_search(folders: tuple[Path, Path]) -> None:
    generator, judge = folders
    seen: list[str | float] = []
    watch = Watch(progress=lambda what, _: seen.append(what.partition(" ")[0]), expect=seen.append)
    settings = {"takes": 2, "seconds": 0.5, "rounds": 1, "candidates": 4}
    parameters = diagnosis_job.JOB.parameters.model_validate({"prompt": PROMPT, **settings})
    diagnosis_job.JOB.run(Session.open(str(generator), str(judge)), parameters, watch)
    first = next(index for index, told in enumerate(seen) if isinstance(told, float))
    assert first < seen.index("search") and all(told >= 0 for told in seen if isinstance(told, float))


def test_ctrl_c_leaves_nothing_behind(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "diagnose", stop)
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path / "out")), "Ctrl-C")
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    monkeypatch.setattr("tonescope.diagnose.report.output_folder.page", stop)
    assert_refused(quick(folders, PROMPT, "--out", str(tmp_path / "out")), "Ctrl-C")
    assert not list(tmp_path.iterdir())


def test_help_imports_nothing_heavy() -> None:
    heavy = {"torch", "transformers", "gradio", "plotly", "numpy", "scipy", "pydantic"}
    code = f"import sys; from tonescope.ui.cli import app; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_help_of_a_job_and_its_refusals_import_no_models() -> None:
    code = (
        "import sys; from tonescope.ui.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert not {'torch', 'transformers', 'plotly'} & set(sys.modules)"
    )
    for arguments in (["diagnose", "--help"], ["edit", "--help"], ["diagnose", "x", "--takes", "0"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert "AssertionError" not in done.stderr, done.stderr


def units(folders: tuple[Path, Path], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["units", "--model", str(folders[0]), *arguments])


def test_units_are_listed_with_counts(folders: tuple[Path, Path]) -> None:
    result = units(folders, "--json")
    assert result.exit_code == 0, result.output
    rows = {row["location"]: row["units"] for row in json.loads(result.stdout)}
    assert rows["decoder.2.mlp"] == 40 and rows["decoder.0.cross"] == 4 and rows["text.1.mlp"] == 32
    assert sum(rows.values()) > 400
    assert all(told in units(folders).stdout for told in ("683 units", "Layers and units count from 0."))
    for pattern, count in (("decoder", 12), ("decoder.self", 3), ("decoder.1.self", 1), ("decoder.1.self:3", 1)):
        assert len(json.loads(units(folders, pattern, "--json").stdout)) == count


def test_places_that_are_not_there_are_refused(folders: tuple[Path, Path]) -> None:
    assert_refused(units(folders, "brass"), "brass", "decoder.mlp")
    assert_refused(units(folders, "decoder.9.mlp"), "decoder.9.mlp")
    assert_refused(units(folders, "decoder.1.mlp:40"), "0 to 39")
    assert_refused(units(folders, "decoder.1.brass"), "not a location")


def test_precision_and_adapter_reach_the_model(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert quick(folders, PROMPT, "--dtype", "bfloat16", "--json").exit_code == 0
    assert_refused(quick(folders, PROMPT, "--dtype", "int3"), "int3", "float32")
    assert_refused(quick(folders, PROMPT, "--adapter", str(tmp_path)), "adapter_config.json")


def test_the_schema_describes_what_is_printed(folders: tuple[Path, Path]) -> None:
    result = CliRunner().invoke(app, ["schema"])
    described = json.loads(result.stdout)
    printed = json.loads(quick(folders, PROMPT, "--json").stdout)
    assert set(described["properties"]) == set(printed)
    assert set(described["$defs"]["Trial"]["properties"]) == set(printed["drivers"]["group"]["muted"])
    assert (
        "paired" in described["$defs"]["Trial"]["description"]
        or "same noise" in described["$defs"]["Trial"]["description"]
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_says_how_to_use_less(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_: object, **__: object) -> Session:
        raise error

    monkeypatch.setattr(Session, "open", burst)
    assert_refused(run("house"), "ran out of memory", "--memory")


def test_other_faults_are_not_called_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(*_: object, **__: object) -> Session:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Session, "open", burst)
    result = run("house")
    assert result.exit_code == 1 and "a fault of ours" in result.stderr and "memory" not in result.stderr


def test_names_of_models_are_no_markup(folders: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "my [bold]model[ ;bold]"
    shutil.copytree(folders[0], copy)
    result = CliRunner().invoke(app, ["units", "--model", str(copy)])
    assert result.exit_code == 0 and "[bold]" in result.stdout


def test_what_was_found_is_shown_even_where_it_cannot_be_written(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise TonescopeError("the disk is full.")

    monkeypatch.setattr("tonescope.diagnose.report.output_folder.write", full)
    result = quick(folders, PROMPT, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2 and "disk is full" in result.stderr
    assert "Why" in result.stdout and "Written to" not in result.stdout
    as_json = quick(folders, PROMPT, "--out", str(tmp_path / "out"), "--json")
    assert as_json.exit_code == 2 and json.loads(as_json.stdout)["prompt"] == PROMPT


def test_a_terminal_that_lacks_characters_is_no_crash(folders: tuple[Path, Path]) -> None:
    models = ("--model", str(folders[0]), "--judge", str(folders[1]))
    done = subprocess.run(
        [sys.executable, "-m", "tonescope", "diagnose", "jazz", *models, "--seconds", "0.3", "--takes", "1"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"What to try next" in done.stdout


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.strip()


def test_share_and_doses_of_the_group(folders: tuple[Path, Path]) -> None:
    data = json.loads(
        quick(
            folders, PROMPT, "--json", "--share", "0.1", "--dose", "0.5", "--rounds", "2", "--careful", "--refine", "1"
        ).stdout
    )
    group = data["drivers"]["group"]
    assert [dose["scale"] for dose in group["doses"]] == [0.5] and group["units"] > 2
    assert data["settings"]["rounds"] == 2 and data["settings"]["careful"] and data["settings"]["two_point_units"] == 1
    assert_refused(quick(folders, PROMPT, "--share", "0"), "share")
    assert_refused(quick(folders, PROMPT, "--rounds", "0"), "rounds")
    assert_refused(quick(folders, PROMPT, "--dose", "1"), "doses")


def test_a_report_holds_no_more_sound_than_a_browser_opens(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonescope.diagnose.report.render_html.MOST_SOUND", 1)
    assert quick(folders, PROMPT, "--out", str(tmp_path / "out")).exit_code == 0
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").count("The first 1 of 2 takes") == 3
    assert len(list((tmp_path / "out" / "audio").glob("take-2*.wav"))) >= 1
