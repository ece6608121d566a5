"""How much may be sent, and what may be in it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tonescope.ui.server import Serving
from tonescope.ui.web import routes

JOIN = "/gradio_api/queue/join"
JSON = {"Content-Type": "application/json"}


def parts(total: int, size: int = 2**16) -> Iterator[bytes]:
    """A body without a length that is told beforehand."""
    for _ in range(0, total, size):
        yield b"x" * size


def test_a_body_that_says_it_is_too_large_is_not_read(asking: httpx.Client) -> None:
    answer = asking.post(JOIN, content=b"x" * (routes.MOST_JSON + 1), headers=JSON)
    assert answer.status_code == 413 and answer.json()["detail"] == "At most 1 MiB can be sent here; send less."


def test_a_body_is_counted_as_it_comes(asking: httpx.Client) -> None:
    with suppress(httpx.WriteError):  # the server had hung up already
        assert asking.post(JOIN, content=parts(3 * routes.MOST_JSON), headers=JSON).status_code == 413


@pytest.mark.parametrize("length", ["-1", "1e9", "99999999999999999999"])
def test_a_length_that_is_none_is_refused(served: Serving, length: str) -> None:
    port = int(served.url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(f"POST {JOIN} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{{}}".encode())
        assert raw.recv(100).split(b" ")[1] in (b"400", b"413")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"data": ' + b"[" * 900 + b"]" * 900 + b"}"])
def test_json_that_is_broken_or_endless_is_refused(asking: httpx.Client, body: bytes) -> None:
    assert asking.post(JOIN, content=body, headers=JSON).status_code == 400


def test_a_file_named_by_an_address_is_not_fetched(asking: httpx.Client) -> None:
    named = {"path": "http://127.0.0.1:9/x.wav", "meta": {"_type": "gradio.FileData"}}
    answer = asking.post(JOIN, json={"data": [[{"deep": named}]], "fn_index": 0, "session_hash": "a"})
    assert answer.status_code == 400 and "not fetched" in answer.json()["detail"]
    assert asking.get("/gradio_api/file=http://127.0.0.1:9/x.wav").status_code == 404
    assert asking.get("/gradio_api/file=HTTP://127.0.0.1:9/x.wav").status_code in (403, 404)


def test_what_no_route_names_is_not_there(asking: httpx.Client) -> None:
    for path in (
        "/monitoring",
        "/gradio_api/proxy=https://x.hf.space/",
        "/gradio_api/dev/reload",
        "/gradio_api/runs",
        "/gradio_api/vibe-code",
        "/gradio_api/component_server",
        "/gradio_api/process_recording",
        "/gradio_api/deep_link",
        "/gradio_api/run/who",
        "/gradio_api/mcp/",
        "/docs",
        "/openapi.json",
        "/nowhere",
        "/tonescope/../frame.py",
        "/tonescope/frame.py",
    ):
        for method in ("GET", "POST"):
            answer = asking.request(method, path)
            assert answer.status_code == 404, (method, path)
    assert asking.get("/nowhere", headers={"Accept": "text/html"}).text.startswith("<!doctype html>")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "/proc/self/environ",
        "//etc/passwd",
        "/etc/./passwd",
    ],
)
def test_no_path_of_a_visitor_reaches_the_file_system(asking: httpx.Client, path: str) -> None:
    for address in (f"/gradio_api/file={path}", f"/static/{path}", f"/assets/{path}", f"/tonescope/{path}"):
        answer = asking.get(address)
        assert answer.status_code in (403, 404) and "root:" not in answer.text, address
