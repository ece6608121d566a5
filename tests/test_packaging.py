"""A wheel, installed alone into an empty folder, has everything it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project built as a wheel and unpacked into a folder of its own."""
    made, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "tonescope"
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={source}/"], cwd=ROOT, check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, source], check=True)
    (wheel,) = made.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", target, wheel], check=True)
    return target


def _python(installed: Path, code: str, empty: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "-c", code], cwd=empty, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_imports_from_where_it_was_installed(installed: Path, tmp_path: Path) -> None:
    code = (
        "import tonescope, tonescope.models.units as u, tonescope.diagnose.report as r, tonescope.ui as i; "
        "print(u.__file__, r.__file__, i.__file__)"
    )
    assert _python(installed, code, tmp_path).count(str(installed)) == 3


def test_the_wheel_carries_its_data(installed: Path, tmp_path: Path) -> None:
    code = "from tonescope.diagnose.taxonomy import common; print(len(common().genres))"
    assert int(_python(installed, code, tmp_path)) > 40
    report = installed / "tonescope" / "diagnose" / "report"
    assert (report / "page.html.j2").is_file() and (report / "components" / "score.js").is_file()
    assert (installed / "tonescope" / "diagnose" / "genre_names" / "names.tsv").is_file()
    assert (installed / "tonescope" / "models" / "embedded" / "musicnn_msd" / "model.safetensors").is_file()


def test_every_public_name_is_there(installed: Path, tmp_path: Path) -> None:
    code = "import tonescope; print(sum(getattr(tonescope, name) is not None for name in tonescope.__all__))"
    assert int(_python(installed, code, tmp_path)) > 15


def _diagnosed(installed: Path, empty: Path, prompt: str, *more: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "tonescope",
        "diagnose",
        prompt,
        "--test-units",
        "0",
        "--rounds",
        "1",
        "--json",
        *more,
    ]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_wheel_diagnoses(installed: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    models = ["--model", str(folders[0]), "--judge", str(folders[1]), "--takes", "1", "--seconds", "0.5"]
    found = _diagnosed(installed, tmp_path, "house with piano", *models, "--out", str(out))
    assert found["prompt"] == "house with piano" and (out / "report.html").is_file()


def test_the_wheel_carries_the_embedded_models(installed: Path, tmp_path: Path) -> None:
    found = _diagnosed(installed, tmp_path, "ragtime", "--takes", "2", "--test-words", "0")
    assert found["model"]["name"] == "embedded" and found["perceived"]["label"] == "ragtime"


def test_top_level_folders_do_not_leak_into_site_packages(installed: Path) -> None:
    assert {entry.name for entry in installed.iterdir() if not entry.name.endswith(".dist-info")} == {
        "tonescope",
        "bin",
    }
