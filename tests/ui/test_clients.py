"""The clients in examples/ do what they say, on a server of tiny models."""

from __future__ import annotations

import asyncio

import pytest

from tests.ui.serving import serving
from tonescope.ui.server import ServerOptions


def test_the_client_over_http_follows_a_run_to_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    from examples.clients import http_client

    with serving() as served:
        found = http_client.main(served.url, "house")
    assert found["result"]["prompt"] == "house" and found["sentence"] in capsys.readouterr().out


def test_the_client_over_http_stops_its_run_when_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    from examples.clients import http_client

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(http_client, "print", interrupt, raising=False)
    with serving() as served:
        with pytest.raises(KeyboardInterrupt):
            http_client.main(served.url, "house", takes=16, seconds=2.0, quick=False)
        workshop = served._server.workshop
        (run,) = workshop.workspace.runs.page().runs
        assert workshop.queue.wait(run.name, 60).state == "stopped"


def test_the_client_over_mcp_reads_a_result(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mcp", reason="the package mcp is not installed")
    from examples.clients import mcp_client

    with serving(ServerOptions(mcp=True)) as served:
        found = asyncio.run(mcp_client.main(served.url, "house"))
    assert found["result"]["prompt"] == "house" and found["sentence"] in capsys.readouterr().out


def test_the_client_over_mcp_stops_its_run_when_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mcp", reason="the package mcp is not installed")
    from examples.clients import mcp_client

    told: list[str] = []

    def interrupt(text: str) -> None:
        told.append(text)
        if len(told) == 1:
            raise asyncio.CancelledError  # as asyncio makes of Ctrl-C

    monkeypatch.setattr(mcp_client, "print", interrupt, raising=False)
    with serving(ServerOptions(mcp=True)) as served:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(mcp_client.main(served.url, "house", takes=16, seconds=2.0, quick=False))
        workshop = served._server.workshop
        (run,) = workshop.workspace.runs.page().runs
        assert workshop.queue.wait(run.name, 60).state == "stopped"
    assert "Stopping." in told[-1]
