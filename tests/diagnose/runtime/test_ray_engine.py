"""Work on Ray is the work of this process: a dead worker is replaced, a dead head is said, nothing finished is lost.

Tests that need Ray are skipped where it is not installed (``pip install "tonescope[ray]"``).
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from tonescope.diagnose.runtime import engine, ray_engine
from tonescope.diagnose.runtime.engine import LocalEngine, Pace, Production
from tonescope.diagnose.runtime.ray_engine import RayEngine
from tonescope.diagnose.runtime.work_items import ModelSpec, TakeSetting, Wanted
from tonescope.diagnose.store.take_shards import TakeShards, database, parquet
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Sampling

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason='Ray is not installed: pip install "tonescope[ray]"')
SECONDS = 0.3
WANTED = [Wanted(prompt, seed, prompt) for seed in range(12) for prompt in ("house", "jazz")]
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}  # nothing is written to the home folder
HEAD_DIES = """
import sys
from pathlib import Path
from tests.diagnose.runtime.test_ray_engine import RayEngine, shards_of, small_items, WANTED, Production
from tonescope.models.errors import TonescopeError
small_items()
spec, shards = shards_of((Path(sys.argv[1]), Path(sys.argv[2])), Path(sys.argv[3]))
try:
    Production(shards, WANTED).make(RayEngine(spec, shards.setting, sys.argv[4], count=1))
except TonescopeError as error:
    print(error, flush=True)
"""


def shards_of(folders: tuple[Path, Path], root: Path) -> tuple[ModelSpec, TakeShards]:
    spec = ModelSpec(str(folders[0]), str(folders[1]))
    return spec, TakeShards(TakeSetting.of(spec.open(), SECONDS, Sampling()), root)


def small_items() -> None:
    engine.FIRST_TAKES = engine.MOST_TAKES = 2


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("FIRST_TAKES", "MOST_TAKES"):
        monkeypatch.setattr(engine, name, 2)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    yield


def heard(shards: TakeShards) -> dict[tuple[str, int], list[float]]:
    with database() as opened:
        rows = opened.execute(f"SELECT prompt, seed, probabilities FROM {parquet(shards.files())}").fetchall()
    assert len(rows) == len(WANTED), "a take was played twice, or not at all"
    return {(prompt, seed): shares for prompt, seed, shares in rows}


@needs_ray
def test_two_workers_hear_what_this_process_hears(folders: tuple[Path, Path], tmp_path: Path) -> None:
    spec, shards = shards_of(folders, tmp_path / "ray")
    pace = Production(shards, WANTED).make(RayEngine(spec, shards.setting, count=2))
    _, here = shards_of(folders, tmp_path / "here")
    Production(here, WANTED).make(LocalEngine(spec.open()))
    assert pace.done == pace.total == len(WANTED)
    expected, found = heard(here), heard(shards)
    assert all(found[take] == pytest.approx(expected[take], abs=1e-4) for take in expected)


@needs_ray
def test_the_items_of_a_killed_worker_are_done_again(folders: tuple[Path, Path], tmp_path: Path) -> None:
    spec, shards = shards_of(folders, tmp_path)
    killed: list[int] = []

    def kill_one(pace: Pace) -> None:
        if pace.done > 2 and not killed:
            below = psutil.Process().children(recursive=True)
            actors = [process for process in below if "_Actor" in " ".join(process.cmdline())]
            actors[0].kill()
            killed.append(actors[0].pid)

    pace = Production(shards, WANTED, told=kill_one).make(RayEngine(spec, shards.setting, count=2))
    assert killed and pace.done == len(WANTED) == len(heard(shards))


@needs_ray
def test_workers_that_open_another_model_are_refused(folders: tuple[Path, Path], tmp_path: Path) -> None:
    spec, shards = shards_of(folders, tmp_path)
    other = TakeSetting("0" * 16, "1" * 16, shards.setting.labels, "float32", SECONDS, Sampling())
    with pytest.raises(TonescopeError, match="opened another"):
        Production(TakeShards(other, tmp_path), WANTED).make(RayEngine(spec, other, count=1))


@needs_ray
def test_a_dead_head_is_one_sentence_and_what_was_finished_is_kept(folders: tuple[Path, Path], tmp_path: Path) -> None:
    port = _free_port()
    started = ["start", "--head", f"--port={port}", "--num-cpus=1", "--include-dashboard=false", "--block"]
    ray = Path(sys.executable).with_name("ray")
    head = subprocess.Popen([ray, *started], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    script = [sys.executable, "-c", HEAD_DIES, *map(str, folders), str(tmp_path), f"127.0.0.1:{port}"]
    try:
        _wait(lambda: ray_engine._answers(("127.0.0.1", port), 1.0))
        running = subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        _wait(lambda: len(list(tmp_path.rglob("*.parquet"))) >= 2 or running.poll() is not None)
        below = psutil.Process(head.pid).children(recursive=True)
        next(process for process in below if "gcs_server" in process.name()).kill()
        told, errors = running.communicate(timeout=100)
        assert "the Ray cluster" in told and "what was finished is kept" in told, errors
        assert told.count("\n") == 1 and running.returncode == 0, errors
    finally:
        for process in [*psutil.Process(head.pid).children(recursive=True), head]:
            process.kill()
    assert len(list(tmp_path.rglob("*.parquet"))) >= 2


def _free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def _wait(until: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not until():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


# --- without Ray ------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(folders: tuple[Path, Path], tmp_path: Path) -> tuple[ModelSpec, TakeShards]:
    return shards_of(folders, tmp_path)


def test_where_ray_is_not_installed_the_sentence_says_how(
    asked: tuple[ModelSpec, TakeShards], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(TonescopeError, match=r'pip install "tonescope\[ray\]"'):
        Production(asked[1], WANTED).make(RayEngine(asked[0], asked[1].setting))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("nonsense", "is no address"),
        ("host:port", "is no address"),
        ("host:99999", "is no address"),
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"),
        ("ray://127.0.0.1:1", "no Ray cluster answers at ray://127.0.0.1:1"),
    ],
)
def test_case_a_ray_address_that_does_not_answer_is_one_sentence(
    asked: tuple[ModelSpec, TakeShards], monkeypatch: pytest.MonkeyPatch, address: str, told: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    started = time.monotonic()
    with pytest.raises(TonescopeError) as refused:
        Production(asked[1], WANTED).make(RayEngine(asked[0], asked[1].setting, address))
    assert told in str(refused.value) and "\n" not in str(refused.value) and time.monotonic() - started < 10


def test_nothing_to_do_asks_no_cluster(asked: tuple[ModelSpec, TakeShards]) -> None:
    assert list(RayEngine(asked[0], asked[1].setting, "127.0.0.1:1").run(iter([]))) == []


def test_folders_of_models_are_given_by_their_whole_path(
    asked: tuple[ModelSpec, TakeShards], folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders[0].parent)
    given = RayEngine(ModelSpec(folders[0].name, "laion/larger_clap_music"), asked[1].setting).spec
    assert given.model == str(folders[0].resolve()) and given.judge == "laion/larger_clap_music"
