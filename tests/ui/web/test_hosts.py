"""Names that the server answers to, and pages that may not post."""

from __future__ import annotations

import httpx
import pytest

from tonescope.models.errors import TonescopeError
from tonescope.ui.server import Serving
from tonescope.ui.web.hosts import Hosts, split_host

JOIN = "/gradio_api/queue/join"


def posted(asking: httpx.Client, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asking.post(JOIN, json={"data": [], "fn_index": 0, "session_hash": "a"}, headers=named).status_code


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST.", "localhost:7860"])
def test_a_local_server_answers_to_names_of_this_machine(asking: httpx.Client, host: str) -> None:
    assert asking.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["elsewhere.example", "localhost.elsewhere.example", "192.0.2.1", "localhost@evil.example", "a b", "", "\x80"],
)
def test_other_names_are_refused_in_one_sentence(asking: httpx.Client, host: str) -> None:
    answer = asking.get("/", headers={b"Host": host.encode("latin-1"), b"Accept": b"text/html"})
    assert answer.status_code in (400, 421) and "gradio" not in answer.text
    if answer.status_code == 421:
        assert "--allowed-hosts" in answer.text


def test_a_refusal_shows_a_hostile_name_as_text(asking: httpx.Client) -> None:
    answer = asking.get("/", headers={"Host": "<script>alert(1)</script>", "Accept": "text/html"})
    assert answer.status_code >= 400 and "<script>" not in answer.text


def test_case_a_foreign_origin_may_not_post(asking: httpx.Client, served: Serving) -> None:
    own = served.url.rstrip("/")
    assert posted(asking, Origin=own) == 200
    for foreign in ("https://elsewhere.example", "null", "http://127.0.0.1:1", own.replace("http:", "ftp:"), "x", ""):
        assert posted(asking, Origin=foreign) == 403, foreign
    assert posted(asking, Sec_Fetch_Site="cross-site") == posted(asking, Sec_Fetch_Site="same-site") == 403
    assert posted(asking) == 200  # a program


def test_nothing_is_allowed_to_pages_elsewhere(asking: httpx.Client, served: Serving) -> None:
    for origin in (served.url.rstrip("/"), "https://elsewhere.example"):
        answer = asking.get("/config", headers={"Origin": origin})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    preflight = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    assert asking.options(JOIN, headers=preflight).status_code == 403


def test_a_forwarded_name_that_is_not_ours_is_not_believed(asking: httpx.Client) -> None:
    page = asking.get("/", headers={"X-Forwarded-Host": "evil.example", "X-Gradio-Server": "http://evil.example"})
    assert page.status_code == 200 and "evil.example" not in page.text
    assert "evil.example" not in asking.get("/config", headers={"X-Forwarded-Host": "evil.example"}).text


def test_names_that_were_chosen_are_answered_and_may_post() -> None:
    hosts = Hosts.of(["Music.example.org", "*.example.net"], is_local=True)
    assert hosts.answers("music.example.org:8443") and hosts.answers("a.b.example.net")
    assert not hosts.answers("example.net") and not hosts.answers("evilexample.net")
    # A proxy may hand on another Host than the browser sees.
    assert hosts.is_own("https://music.example.org", "127.0.0.1:7860")
    assert not hosts.is_own("https://elsewhere.example", "music.example.org")


def test_any_name_is_answered_where_that_was_chosen_and_origins_are_still_compared() -> None:
    hosts = Hosts.of(["*"], is_local=False)
    assert hosts.answers("any.example") and hosts.is_own("https://any.example", "any.example")
    assert not hosts.is_own("https://other.example", "any.example")


def test_a_server_on_a_network_answers_to_numbers_and_no_foreign_name() -> None:
    hosts = Hosts.of([], is_local=False)
    assert hosts.answers("192.0.2.1:7860") and hosts.answers("[2001:db8::1]") and hosts.answers("localhost")
    assert not hosts.answers("rebound.example")


def test_another_port_of_this_machine_is_another_server() -> None:
    hosts = Hosts.of(["localhost"], is_local=True)
    assert hosts.is_own("http://localhost:7860", "localhost:7860")
    assert not hosts.is_own("http://localhost:3000", "localhost:7860")


@pytest.mark.parametrize(
    "name", ["http://music.example.org", "a b", "music.example.org:80", "x/y", "*.*.x", "u@x", "*."]
)
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(TonescopeError, match="is no name of a host"):
        Hosts.of([name], is_local=True)


def test_host_headers_are_parsed_strictly() -> None:
    assert split_host("[::1]:80") == ("::1", 80) and split_host("A.example.") == ("a.example", None)
    assert [split_host(text) for text in ("a:x", "a/b", "u@a", "", "a:99999", "ä.example", "a?b")] == [None] * 7
