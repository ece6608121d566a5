"""Where the server listens, and the path in front of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.ui.serving import client, serving
from tonescope.models.errors import TonescopeError
from tonescope.ui.server import ServerOptions, Serving
from tonescope.ui.web.address import check_root_path, listen


def test_addresses_that_cannot_be_used_say_why() -> None:
    with pytest.raises(TonescopeError, match="no port 99999"):
        listen("127.0.0.1", 99999)
    for host in ("192.0.2.1", "no such host", "x" * 300, "a\x00b"):
        with pytest.raises(TonescopeError, match="no address of this machine"):
            listen(host, 7860)


def test_case_a_port_in_use_is_told() -> None:
    first = listen(port=0)
    try:
        with pytest.raises(TonescopeError, match="is taken"):
            listen("127.0.0.1", first.port)
    finally:
        first.close()


def test_a_port_is_held_from_the_start() -> None:
    held = listen(port=0)
    with socket.create_connection(("127.0.0.1", held.port), timeout=5):
        assert held.is_local and held.url() == f"http://127.0.0.1:{held.port}/"
    held.close()


def test_an_address_of_the_new_kind_is_written_in_brackets() -> None:
    try:
        held = listen("[::1]", 0)
    except TonescopeError:
        pytest.skip("this machine has no IPv6")
    assert held.is_local and held.url("/music") == f"http://[::1]:{held.port}/music/"
    held.close()


def test_a_server_on_all_addresses_is_reached_as_localhost() -> None:
    held = listen("0.0.0.0", 0)
    assert not held.is_local and held.url() == f"http://localhost:{held.port}/"
    held.close()


@pytest.mark.parametrize(("given", "path"), [("/", ""), ("music", "/music"), ("/a/b/", "/a/b"), ("", "")])
def test_paths_in_front_are_put_right(given: str, path: str) -> None:
    assert check_root_path(given) == path


@pytest.mark.parametrize("given", ["https://x.org/y", "/a b", "/a//b", "/../a", "/a?b", '/a"><script>', "/é", "/a\nb"])
def test_paths_that_are_none_are_refused(given: str) -> None:
    with pytest.raises(TonescopeError, match="no path that a proxy can put in front"):
        check_root_path(given)


@pytest.fixture(scope="module")
def behind() -> Iterator[Serving]:
    """Behind a proxy at https://music.example.org/tools."""
    with serving(ServerOptions("/tools", ("music.example.org",))) as found:
        yield found


@pytest.fixture
def through(behind: Serving) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=behind.url.removesuffix("/tools/"),
        trust_env=False,
        timeout=30,
        headers={"Host": "music.example.org", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "music.example.org"},
    ) as found:
        yield found


@pytest.mark.parametrize("prefix", ["", "/tools"], ids=["taken off", "left on"])
def test_case_behind_a_proxy_under_a_path_everything_is_found(through: httpx.Client, prefix: str) -> None:
    page = through.get(f"{prefix}/")
    assert page.status_code == 200 and 'href="/tools/guide"' in page.text
    assert '"root":"https://music.example.org/tools"' in page.text
    assert "; Path=/tools;" in page.headers["set-cookie"] and "Secure" in page.headers["set-cookie"]
    assert through.get(f"{prefix}/guide").status_code == 200
    assert through.get(f"{prefix}/config").json()["root"] == "https://music.example.org/tools"
    begun = through.post(
        f"{prefix}/gradio_api/queue/join",
        json={"data": [], "fn_index": 0, "session_hash": "a"},
        headers={"Origin": "https://music.example.org"},
    )
    assert begun.status_code == 200
    asset = page.text.partition('src="./assets/')[2].partition('"')[0]
    assert through.get(f"{prefix}/assets/{asset}").status_code == 200


def test_a_page_gets_its_last_slash(through: httpx.Client) -> None:
    answer = through.get("/tools")
    assert answer.status_code == 308 and answer.headers["location"] == "/tools/"


def test_it_still_answers_to_this_machine(behind: Serving) -> None:
    with client(behind) as asking:
        assert asking.get("/").status_code == 200
