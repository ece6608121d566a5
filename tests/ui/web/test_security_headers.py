"""Headers of every answer, and whose it is."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.ui.serving import call, client
from tonescope.ui.server import Serving
from tonescope.ui.web.security_headers import FIXED, policy


@pytest.mark.parametrize("path", ["/", "/guide", "/config", "/nowhere", "/theme.css", "/tonescope/frame.css"])
def test_every_answer_has_them(asking: httpx.Client, path: str) -> None:
    answer = asking.get(path)
    for name, value in FIXED:
        assert answer.headers[name.decode()] == value.decode()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers and "cache-control" in answer.headers


def test_scripts_come_from_this_server_or_from_the_page_as_it_was_made(asking: httpx.Client) -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in asking.get("/").headers["content-security-policy"].split(";"))
    assert "'unsafe-inline'" not in rules["script-src"] and "http" not in str(rules)
    assert rules["default-src"] == "'none'" and rules["script-src"].count("'sha256-") >= 3


def test_the_policy_names_inline_scripts_and_no_others() -> None:
    one, two = b"<script>1</script><script src=/a></script>", b"<script>2</script>"
    assert policy(one).count("sha256") == 1 and policy(one) != policy(two)


def test_a_page_names_no_address_elsewhere_that_a_browser_would_fetch(asking: httpx.Client) -> None:
    for path in ("/", "/guide"):
        page = asking.get(path).text
        fetched = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"', page)
        assert fetched and not [address for address in fetched if "//" in address]
        assert "og:" not in page and "<title>" in page


def test_visitors_are_told_apart_by_a_mark_that_no_script_reads(served: Serving) -> None:
    seen = []
    for _ in range(2):
        with client(served) as asking:
            line = asking.get("/").headers["set-cookie"]
            assert "HttpOnly" in line and "SameSite=Lax" in line and "Secure" not in line
            assert "set-cookie" not in asking.get("/guide").headers
            first, again = call(asking, "who"), call(asking, "who")
            assert first == again and "visitor:" in first[1]
            mark = line.partition("=")[2].partition(";")[0]
            assert mark not in first[1]
            seen.append(first)
    assert seen[0] != seen[1]


@pytest.mark.parametrize("mark", ["", "x", "../../x", "a" * 33, "é" * 32, "'; drop table runs; --"])
def test_a_mark_that_is_none_is_replaced(asking: httpx.Client, mark: str) -> None:
    answer = asking.get("/", headers={b"Cookie": f"tonescope-visitor={mark}".encode("latin-1")})
    assert "tonescope-visitor=" in answer.headers["set-cookie"]


def test_a_cookie_of_an_encrypted_connection_stays_on_such(asking: httpx.Client) -> None:
    assert "Secure" in asking.get("/", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"]


def test_errors_tell_nothing_of_what_is_inside(asking: httpx.Client, capsys: pytest.CaptureFixture[str]) -> None:
    event, told = call(asking, "fail", "sentence")
    # An old gradio tells nothing on this way.
    assert event == "error" and ("&lt;b&gt;this&lt;/b&gt; cannot be done" in told or told == "null")
    for kind in ("defect", "disk"):
        event, told = call(asking, "fail", kind)
        assert event == "error" and not re.search("Traceback|KeyError|/secret|Errno", told), told
    assert call(asking, "fail", "no such thing")[0] == "error"
    joined = asking.post("/gradio_api/queue/join", json={"data": [], "fn_index": 999, "session_hash": "a"})
    assert joined.status_code < 600 and "Traceback" not in joined.text
    bodies: list[Any] = [{}, {"data": None}, {"data": 1}, []]
    for body in bodies:
        answer = asking.post("/gradio_api/call/who", json=body)
        assert "Traceback" not in answer.text and "site-packages" not in answer.text
