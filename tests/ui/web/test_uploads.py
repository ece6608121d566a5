"""Uploads: by what is in them, not by what they are called."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from collections import namedtuple
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from tonescope.ui.server import Serving
from tonescope.ui.web import routes, uploads

UPLOAD = routes.UPLOAD


def wave(kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(800), 8000, format=kind)
    return file.getvalue()


def sent(asking: httpx.Client, name: str, body: bytes, kind: str = "audio/wav") -> httpx.Response:
    return asking.post(UPLOAD, files={"files": (name, body, kind)})


def everything_in(folder: str) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "RF64"])
def test_sounds_are_taken(asking: httpx.Client, kind: str) -> None:
    answer = sent(asking, "clip.bin", wave(kind), "application/octet-stream")
    assert answer.status_code == 200 and Path(answer.json()[0]).is_file()
    Path(answer.json()[0]).unlink()


@pytest.mark.parametrize(
    "body",
    [b"MZ" + b"\0" * 200, b"\x7fELF" + b"\0" * 200, b"<html><script>1</script>", b"", b"RIFF....AVI "],
    ids=["exe", "elf", "html", "empty", "avi"],
)
def test_case_a_renamed_executable_is_refused_and_deleted(asking: httpx.Client, served: Serving, body: bytes) -> None:
    before = everything_in(os.environ["GRADIO_TEMP_DIR"])
    answer = sent(asking, "song.wav", body)
    assert answer.status_code == 415 and "choose a sound" in answer.json()["detail"]
    assert everything_in(os.environ["GRADIO_TEMP_DIR"]) == before


def test_the_page_that_shows_a_body_as_it_is_gets_a_sentence_and_no_json(asking: httpx.Client) -> None:
    here = {"origin": str(asking.base_url).rstrip("/")}
    answer = asking.post(UPLOAD, files=[("files", ("a.wav", b"MZ" + bytes(99)))], headers=here)
    assert answer.status_code == 415 and answer.text.startswith("“a.wav” is no file") and "{" not in answer.text


def test_one_file_that_is_unfit_takes_the_others_with_it(asking: httpx.Client) -> None:
    before = everything_in(os.environ["GRADIO_TEMP_DIR"])
    files = [("files", ("a.wav", wave())), ("files", ("b.wav", b"MZ"))]
    assert asking.post(UPLOAD, files=files).status_code == 415
    assert everything_in(os.environ["GRADIO_TEMP_DIR"]) == before


def test_case_an_upload_of_200_mb_is_refused_while_it_comes(asking: httpx.Client) -> None:
    before = everything_in(os.environ["GRADIO_TEMP_DIR"])

    def body() -> object:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'
        for _ in range(200):
            yield b"RIFF" * 2**18

    try:
        answer = asking.post(UPLOAD, content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"})  # type: ignore[arg-type]
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # the server had hung up already
    assert everything_in(os.environ["GRADIO_TEMP_DIR"]) == before


@pytest.mark.parametrize(
    "name", ["../../evil.wav", "..\\evil.wav", "/etc/evil.wav", "a\x00b.wav", "é<b>🎵.wav", "x" * 300]
)
def test_names_of_files_lead_nowhere_else(asking: httpx.Client, name: str) -> None:
    answer = sent(asking, name, wave())
    if answer.status_code == 200:
        path = Path(answer.json()[0]).resolve()
        assert path.is_relative_to(Path(os.environ["GRADIO_TEMP_DIR"]).resolve())
        path.unlink()
    else:
        assert answer.status_code in (400, 415, 500) and "Traceback" not in answer.text


def test_case_uploads_are_refused_where_no_page_takes_files(asking: httpx.Client) -> None:
    layer = routes.RouteLayer(None, [""])  # type: ignore[arg-type]
    assert not [route for found, route in layer.routes if found.fullmatch(UPLOAD)]


def test_a_disk_that_is_nearly_full_is_told(asking: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 0))
    answer = sent(asking, "song.wav", wave())
    assert answer.status_code == 507 and "free some space" in answer.json()["detail"]


def test_a_run_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "run.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("run.json", "{}")
    assert uploads.kind_of(path) == "run"
