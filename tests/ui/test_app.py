"""The page: what its functions give for what is typed, without a browser."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from tests import tiny
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.errors import TonescopeError
from tonescope.ui import app


@pytest.fixture(scope="module")
def session() -> Session:
    return tiny.session()


@pytest.fixture(scope="module")
def run(session: Session) -> Callable[..., list[Any]]:
    page = app.build(session)
    found = [block for block in page.fns.values() if block.fn is not None and block.fn.__name__ == "run"]
    assert len(found) == 1

    def call(*inputs: Any) -> list[Any]:
        values = found[0].fn(*inputs)
        assert len(values) == len(found[0].outputs)
        return values

    return call


def test_a_diagnosis_fills_every_part_of_the_page(run: Callable[..., list[Any]]) -> None:
    values = run("smooth <b>jazz</b>", 2, 0.5, 1, 3.0, "", "house")
    sounds = values[1 : 1 + 4 * app.SHOWN_TAKES]
    shown = [sound for sound in sounds if sound["visible"]]
    assert len(shown) == 2 * 4 and all(sound["value"][1].shape == (800,) for sound in shown)
    assert shown[0]["label"].startswith("Take 1, as generated: ") and "Take 3, fresh, untouched: " in shown[1]["label"]
    data = values[-2]
    assert data["intended"]["label"] == "house" and data["prompt"] == "smooth <b>jazz</b>"
    words, units, seconds = values[-5:-2]
    assert [row[0] for row in words] and len(units) >= 10 and seconds[0][0] == "0.0–0.5"


def test_what_comes_from_outside_is_escaped(session: Session) -> None:
    result = session.diagnose("house", Settings(takes=1, seconds=0.5))[0]
    result.verdict.sentence = result.blame.sentence = "<b>1</b>"
    result.blame.where, result.caveats = "decoder", ["<i>"]
    page = app.verdict_html(result)
    assert page.count("&lt;b&gt;1&lt;/b&gt;") == 2 and "&lt;i&gt;" in page and "<b>" not in page and "<i>" not in page


def test_an_empty_seed_is_the_first(run: Callable[..., list[Any]]) -> None:
    assert run("house", 1, 0.5, None, 3.0, None, None)[-2]["settings"]["seed"] == 1


def test_what_cannot_be_done_is_said_and_escaped(run: Callable[..., list[Any]]) -> None:
    with pytest.raises(gr.Error, match="prompt is empty"):
        run(" ", 2, 0.5, 1, 3.0, "", "")
    with pytest.raises(gr.Error, match="&lt;i&gt;"):
        run("house", 2, 0.5, 1, 3.0, "<i>", "")


def test_a_bound_on_memory_holds_on_the_page(session: Session) -> None:
    page = app.build(session, memory_gib=1e-7)
    run = next(block.fn for block in page.fns.values() if block.fn is not None and block.fn.__name__ == "run")
    with pytest.raises(gr.Error, match="needs about"):
        run("house", 1, 0.5, 1, 3.0, "", "")


def test_stop_ends_the_work_and_not_only_the_waiting(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    page = app.build(session)
    named = {block.fn.__name__: block.fn for block in page.fns.values() if block.fn is not None}
    stages: list[str] = []

    class Telling(gr.Progress):
        def __call__(self, progress: Any, desc: str | None = None, **_: Any) -> None:
            stages.append(str(desc))
            named["halt"]()

    arguments = ("house", 1, 0.5, 1, 3.0, "", "")
    with pytest.raises(gr.Error, match="was stopped"):
        named["run"](*arguments, progress=Telling())
    assert len(stages) == 1
    assert named["run"](*arguments)[-2]["prompt"] == "house"  # the next one is not stopped


def test_addresses_that_cannot_be_used_say_why() -> None:
    with pytest.raises(TonescopeError, match="no port 99999"):
        app.check_address("127.0.0.1", 99999)
    with pytest.raises(TonescopeError, match="no address of this machine"):
        app.check_address("192.0.2.1", 7860)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(TonescopeError, match="is taken"):
            app.check_address("127.0.0.1", other.getsockname()[1])


def test_the_page_answers_to_its_own_name_only(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = app.launch(session, port=port, open_browser=False, wait=False)
    try:
        statuses = []
        for host in ("127.0.0.1", "elsewhere.example"):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", "/", headers={"Host": f"{host}:{port}"})
            statuses.append(connection.getresponse().status)
            connection.close()
    finally:
        page.close(verbose=False)
    assert statuses == [200, 400]
    assert f"http://127.0.0.1:{port}" in capsys.readouterr().out
