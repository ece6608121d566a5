"""What reaches the terminal is plain text, whatever was typed or named, and every failure is one sentence."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text
from typer.testing import CliRunner, Result

from tests.ui.test_cli import PROMPT, assert_refused, quick
from tonescope.diagnose.runtime.session import Session
from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.cli import app

STEERING = "\x1b[31mred\x1b]0;title\x07 \x9b2J \u202edesrever \u2066x\u2069 \x08\x7f"
UNSAFE = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), 0x2066, 0x2069)]
FULL = Path("/dev/full")


def program(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tonescope", *arguments]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, text=True, stderr=subprocess.PIPE, check=False, **options
    )
    return done


def models(folders: tuple[Path, Path]) -> list[str]:
    return ["--model", str(folders[0]), "--judge", str(folders[1]), "--takes", "1", "--seconds", "0.3", "--rounds", "1"]


def assert_plain(text: str) -> None:
    assert not [character for character in UNSAFE if character in text]


def test_a_console_prints_nothing_that_steers(capsys: pytest.CaptureFixture[str]) -> None:
    console.output.print(Panel(Text(f"a {STEERING}"), title=Text(STEERING)))
    console.tell(f"told {STEERING}\nerror: not true")
    shown = capsys.readouterr()
    assert_plain(shown.out + shown.err)
    assert "red" in shown.out and "told" in shown.err and shown.err.count("\n") == 1


def test_json_with_characters_that_steer_is_escaped_and_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"prompt": STEERING, "lines": "a\nb", "other": "ジャズ 🎷"}
    console.put(json.dumps(data, indent=2, ensure_ascii=False))
    shown = capsys.readouterr().out
    assert_plain(shown)
    assert json.loads(shown) == data and "ジャズ 🎷" in shown


def test_json_loses_no_character_that_the_terminal_lacks(folders: tuple[Path, Path]) -> None:
    prompt, ascii_only = "ジャズ 🎷 jazz", {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = program("diagnose", prompt, *models(folders), "--json", stdout=subprocess.PIPE, env=ascii_only)
    assert done.returncode == 0 and json.loads(done.stdout)["prompt"] == prompt, done.stderr


def test_case_control_characters_of_a_prompt_do_not_reach_the_terminal(folders: tuple[Path, Path]) -> None:
    for options in ([], ["--json"]):
        result = quick(folders, f"{PROMPT} {STEERING}\nerror: gone", *options)
        assert result.exit_code == 0, result.output
        assert_plain(result.stdout + result.stderr)
        assert "\nerror: gone" not in result.stdout


@pytest.mark.parametrize("option", ["--model", "--judge", "--adapter", "--device", "--against", "--known", "--out"])
def test_case_control_characters_of_a_name_do_not_reach_the_terminal(folders: tuple[Path, Path], option: str) -> None:
    result = quick(folders, PROMPT, option, f"/dev/null/{STEERING}\n/x")  # nothing can be made there
    assert_refused(result)
    assert_plain(result.output)
    assert len([line for line in result.stderr.splitlines() if not line.endswith(" …")]) == 1


def broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Result:
    def burst(*_: object, **__: object) -> Session:
        raise error

    monkeypatch.setattr(Session, "open", burst)
    return CliRunner().invoke(app, ["diagnose", "house"])


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a fault\x1b[31m\nof ours"),
        ImportError("Using SOCKS proxy, but the 'socksio' package is not installed."),
        AssertionError(),
        RecursionError("maximum recursion depth exceeded"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        FileNotFoundError(2, "No such file or directory", "/gone"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_case_no_error_shows_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception) -> None:
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path))
    result = broken(monkeypatch, error)
    assert result.exit_code == 1 and "Traceback" not in result.output
    assert_plain(result.output)
    told = result.stderr.strip().splitlines()
    assert told[-1].startswith("error: this is a defect of Tonescope") and type(error).__name__ in told[-1]
    [report] = tmp_path.glob("defect-*.txt")
    assert str(report) in told[-1] and "Traceback" in report.read_text()


def test_a_traceback_is_shown_to_who_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONESCOPE_DEBUG", "1")
    result = broken(monkeypatch, RuntimeError("a fault of ours"))
    assert result.exit_code == 1 and "Traceback" in result.stderr and "above" in result.stderr


def test_a_traceback_that_cannot_be_kept_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path / "file"))
    result = broken(monkeypatch, RuntimeError("a fault of ours"))
    assert result.exit_code == 1 and "TONESCOPE_DEBUG=1" in result.stderr


@pytest.mark.parametrize(
    "error",
    [
        OSError("libtorch_cpu.so: failed to map segment from shared object"),
        ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
        RuntimeError("can't start new thread"),
    ],
    ids=str,
)
def test_case_no_room_for_a_library_is_told_as_memory(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    result = broken(monkeypatch, error)
    assert result.exit_code == 2 and "ran out of memory" in result.stderr


@pytest.mark.parametrize("arguments", [["nonsense"], ["diagnose"], ["diagnose", "x", "--takes", "many"], ["--what"]])
def test_what_typer_finds_wrong_is_one_sentence(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert_refused(result, "--help lists what there is")
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["schema"], ["edit", "--help"], []], ids=" ".join)
def test_case_output_to_a_full_disk_is_one_sentence(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        done = program(*arguments, stdout=full)
    assert done.returncode == 2 and done.stderr.startswith("error: standard output cannot be written")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("folder", [True, False])
def test_case_json_to_a_full_disk_leaves_the_folder_whole(
    folders: tuple[Path, Path], tmp_path: Path, folder: bool
) -> None:
    out = tmp_path / "out"
    with FULL.open("w") as full:
        written = ["--out", str(out)] if folder else []
        done = program("diagnose", "jazz", *models(folders), "--json", *written, stdout=full)
    assert done.returncode == 2 and "standard output cannot be written" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and (out / "report.html").is_file() == folder


@pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")
@pytest.mark.parametrize("folder", [True, False])
def test_case_a_reader_that_stops_ends_nothing_badly(folders: tuple[Path, Path], tmp_path: Path, folder: bool) -> None:
    out = tmp_path / "out"
    reading, writing = os.pipe()
    os.close(reading)  # nobody reads from the start, as after `| head -0`
    try:
        written = ["--out", str(out)] if folder else []
        done = program("diagnose", "jazz", *models(folders), *written, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert "Broken" not in done.stderr and (out / "report.html").is_file() == folder


@pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")
@pytest.mark.parametrize("arguments", [["--help"], ["schema"], ["diagnose", "--help"]], ids=" ".join)
def test_case_help_to_nobody_ends_well(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = program(*arguments, stdout=writing)
    os.close(writing)
    assert done.returncode == 0 and not done.stderr


@pytest.mark.skipif(os.name == "nt", reason="shells of POSIX")
def test_closed_streams_are_no_crash() -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        line = f'"{sys.executable}" -m tonescope --version {closed}'
        assert subprocess.run(["sh", "-c", line], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")
@pytest.mark.parametrize("kilobytes", [300_000, 2_000_000, 3_000_000])
def test_case_too_small_an_address_space_is_one_sentence(kilobytes: int) -> None:
    line = f'ulimit -v {kilobytes}; "{sys.executable}" -m tonescope units'
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "ulimit -v unlimited" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_case_python_without_docstrings_is_said() -> None:
    done = program("units", stdout=subprocess.PIPE, env={**os.environ, "PYTHONOPTIMIZE": "2"})
    assert done.returncode == 2 and "PYTHONOPTIMIZE" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_case_python_without_asserts_works(folders: tuple[Path, Path]) -> None:
    environment = {**os.environ, "PYTHONOPTIMIZE": "1"}
    done = program("diagnose", "jazz", *models(folders), "--json", stdout=subprocess.PIPE, env=environment)
    assert done.returncode == 0 and json.loads(done.stdout)["prompt"] == "jazz", done.stderr


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(2, "5 s"), (42, "40 s"), (100, "2 min"), (27 * 60, "27 min"), (3600, "1 h"), (5000, "1 h 25 min")],
)
def test_durations_are_told_as_people_say_them(seconds: float, told: str) -> None:
    assert console.duration(seconds) == told


def test_case_how_long_it_takes_is_told_before_it_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    with console.progress_shown(quiet=False) as progress:
        progress.expect(1620)
        progress.expect(3)  # not worth a line
    with console.progress_shown(quiet=True) as progress:
        progress.expect(1620)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and told.startswith("This will take about 27 min, until about ")


def test_case_that_models_are_loaded_is_said_at_once_unless_it_is_to_be_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for quiet, loads, told in ((False, True, f"{console.LOADING}\n"), (False, False, ""), (True, True, "")):
        with console.progress_shown(quiet, loads=loads):
            assert capsys.readouterr().err == told


def test_case_a_stage_says_what_is_left_of_the_whole_and_agrees_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with console.progress_shown(quiet=False) as progress:
        assert progress.tell is not None
        progress.tell("generate", 0.0)
        progress.expect(40.0)
        progress.tell("attribute", 0.2)
        progress.tell("attribute", 0.3)
        now[0] += 15
        progress.tell("search (about 3.0 GiB)", 0.4)
        progress.expect(61.0)  # it turned out to be slower
        progress.tell("predict", 0.5)
        now[0] += 100
        progress.tell("verify", 0.6)
        progress.tell("done", 1.0)
    told = capsys.readouterr().err.splitlines()
    assert told[1].startswith("This will take about 40 s")
    assert [line for line in told if line.endswith(" …")] == [
        "play the first takes …",
        "look for causes, about 40 s left …",
        "mute units one by one (about 3.0 GiB), about 25 s left …",
        "predict what words do, about 1 min left …",
        "play fresh takes, longer than expected …",
        "done …",
    ]
    assert "at most" not in "".join(told)


def test_a_long_stage_says_now_and_then_that_it_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with console.progress_shown(quiet=False) as progress:
        assert progress.tell is not None
        for seconds in (0, 30, 31, 30, 31):
            now[0] += seconds
            progress.tell("search", 0.3)
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("mute units")] == [
        "mute units one by one …"
    ] * 3


def test_a_bar_counts_down_to_the_end_that_was_foretold(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=100)
    monkeypatch.setattr(console, "errors", terminal)
    with console.progress_shown(quiet=False) as progress:
        assert progress.tell is not None
        progress.expect(40.0)
        progress.tell("search", 0.3)
    text = Text.from_ansi(shown.getvalue()).plain
    assert "This will take about 40 s" in text and "mute units one by one" in text and "about 40 s left" in text


def test_case_progress_is_told_beside_json_unless_it_is_to_be_quiet(folders: tuple[Path, Path]) -> None:
    for options, lines in (([], True), (["--quiet"], False)):
        result = quick(folders, PROMPT, "--json", *options)
        assert result.exit_code == 0 and json.loads(result.stdout)["prompt"] == PROMPT
        told = [line for line in result.stderr.splitlines() if line.endswith(" …")]
        assert any(line.startswith("mute units") for line in told) == lines == bool(result.stderr.strip())


def test_case_progress_beside_json_is_a_bar_where_standard_error_is_a_terminal(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=shown, force_terminal=True, width=100))
    result = quick(folders, PROMPT, "--json")
    assert json.loads(result.stdout)["prompt"] == PROMPT and result.stdout.lstrip().startswith("{")
    assert "play fresh takes" in shown.getvalue() and "━" in shown.getvalue()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("--bogus", None),
        ("--xyz", None),
        ("--take", "--takes"),
        ("--secnds", "--seconds"),
        ("--modle", "--model"),
        ("--guidence", "--guidance"),
    ],
)
def test_case_only_an_option_that_was_nearly_typed_is_suggested(typed: str, told: str | None) -> None:
    result = CliRunner().invoke(app, ["diagnose", "house", typed, "1"])
    assert_refused(result, f"no such option: {typed}", "tonescope diagnose --help")
    said = result.stderr.strip()
    assert ("did you mean" in said) == (told is not None)
    assert told is None or f"(did you mean {told}?)" in said
    assert "ossible options" not in said and len(said.splitlines()) == 1


def test_help_says_how_much_a_diagnosis_plays() -> None:
    assert "playing many more takes than are asked about" in CliRunner().invoke(app, ["diagnose", "--help"]).stdout


def test_every_exit_goes_through_one_place() -> None:
    for error, code in ((typer.Exit(3), 3), (TonescopeError("no."), 2), (KeyboardInterrupt(), 2), (ValueError("x"), 1)):
        with pytest.raises(SystemExit) as ended, console.plain_errors():
            raise error
        assert ended.value.code == code
