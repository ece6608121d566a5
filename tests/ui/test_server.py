"""The server from its start to Ctrl-C, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from tests import tiny
from tests.ui.serving import client, serving
from tonescope.models.errors import TonescopeError
from tonescope.ui import server
from tonescope.ui.cli import app
from tonescope.ui.server import MCP_MISSING, ServerOptions
from tonescope.ui.web.address import listen

ROOT = Path(__file__).parents[2]
START = (
    "from tests import tiny; from tonescope.ui.server import launch;launch(tiny.session(), port=0, open_browser=False)"
)


@contextmanager
def process(folder: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of a tiny session, and its address."""
    given = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)} | environment
    running = subprocess.Popen(
        [sys.executable, "-c", START], cwd=ROOT, env=given, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert running.stderr is not None
        told = ""
        for line in running.stderr:
            told += line
            if found := re.search(r"Tonescope is at (http\S+)", line):
                yield running, found[1]
                break
        else:
            pytest.fail(told)
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "terminated"])
def test_case_with_system_proxies_and_a_foreign_temporary_folder_it_serves_and_ends(
    tmp_path: Path, sent: signal.Signals
) -> None:
    proxies = {name: "http://127.0.0.1:9" for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")}
    proxies |= {"ALL_PROXY": "socks5://127.0.0.1:9"}
    (tmp_path / "gradio").write_text("someone else's")  # where gradio by itself would put its files
    with process(tmp_path, **proxies) as (running, url):
        with httpx.Client(base_url=url.rstrip("/"), trust_env=False, timeout=20) as asking:
            while True:
                try:
                    page = asking.get("/")
                    break
                except httpx.ConnectError:
                    time.sleep(0.05)
            assert page.status_code == 200 and "gradio-app" in page.text
            long = {"prompt": "house", "takes": 16, "seconds": 1.0}
            begun = asking.post("/gradio_api/call/v2/diagnose", json=long)
            assert begun.status_code == 200, begun.text
            time.sleep(0.5)
        assert list(tmp_path.glob("tonescope-ui-*"))
        running.send_signal(sent)
        assert running.wait(timeout=30) == 0
        assert running.stderr is not None and "Stopped." in running.stderr.read()
    assert not list(tmp_path.glob("tonescope-ui-*"))
    assert (tmp_path / "gradio").read_text() == "someone else's"


def test_closing_twice_is_harmless_and_gives_the_port_back() -> None:
    with serving() as served:
        with client(served) as asking:
            assert asking.get("/").status_code == 200
        port = int(served.url.rstrip("/").rpartition(":")[2])
        served.close()
    listen("127.0.0.1", port).close()


def test_what_cannot_be_served_is_told_before_models_are_loaded(tmp_path: Path) -> None:
    held = listen(port=0)
    refused = {
        ("--port", str(held.port)): "is taken",
        ("--port", "70000"): "no port 70000",
        ("--host", "192.0.2.1"): "no address of this machine",
        ("--host", ""): "--host was given nothing",
        ("--root-path", "/a b"): "no path that a proxy",
        ("--allowed-hosts", "http://x.org"): "no name of a host",
        ("--auth", str(tmp_path / "nobody")): "tonescope account",
        ("--auth", ""): "--auth was given nothing",
        ("--memory", "0"): "0 GiB of memory",
    }
    for given, told in refused.items():
        extra = () if "--port" in given else ("--port", "0")
        result = CliRunner().invoke(app, ["ui", "--no-open", *given, *extra, "--model", "no/such/folder"])
        assert result.exit_code == 2 and told in " ".join(result.output.split()), (given, result.output)
    held.close()


def test_a_password_is_read_and_only_its_hash_kept(tmp_path: Path) -> None:
    path = tmp_path / "people"
    given = ["account", str(path), "ann"]
    result = CliRunner().invoke(app, given, input="correct horse\n")
    assert result.exit_code == 0 and "ann is now in" in result.output
    assert path.read_text().startswith("ann:scrypt$") and "correct" not in path.read_text()
    assert "new password" in CliRunner().invoke(app, given, input="another horse\n").output
    assert CliRunner().invoke(app, [*given, "--remove"]).exit_code == 0
    for wrong, told in (([*given, "--remove"], "is not in"), ([*given[:2], "a:b"], "is no name")):
        result = CliRunner().invoke(app, wrong, input="correct horse\n")
        assert result.exit_code == 2 and told in " ".join(result.output.split())
    assert CliRunner().invoke(app, ["account", str(tmp_path / "typo"), "ann", "--remove"]).exit_code == 2
    assert not (tmp_path / "typo").exists()
    result = CliRunner().invoke(app, given, input="short\n")
    assert result.exit_code == 2 and "8 to 1024" in " ".join(result.output.split())


def test_a_server_that_others_can_reach_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(host="0.0.0.0") as served, client(served) as asking:
        assert asking.get("/").status_code == 200
        assert asking.get("/", headers={"Host": "rebound.example"}).status_code == 421
    assert "Anyone who can reach this machine" in " ".join(capsys.readouterr().err.split())


def test_tools_for_programs_without_their_package_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(TonescopeError, match=r"tonescope\[mcp\]"):
        ServerOptions(mcp=True).checked()
    assert MCP_MISSING.count(".") == 0


def test_a_session_of_ones_own_is_served_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tonescope

    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path))
    with tonescope.launch(tiny.session(), port=0, open_browser=False, wait=False) as served, client(served) as asking:
        assert asking.get("/").status_code == 200


def test_a_page_that_waits_while_the_server_ends_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    async def cancelled(*_: object) -> None:
        raise asyncio.CancelledError

    asked = server._Outermost(cancelled, cancelled)({"type": "http", "path": "/"}, cancelled, cancelled)  # type: ignore[arg-type]
    with pytest.raises(StopIteration):
        asked.send(None)
    assert capsys.readouterr().err == ""
