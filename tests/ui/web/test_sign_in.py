"""Signing in: by the page, as Gradio's clients do, by HTTP Basic."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from tests.ui.serving import TOY, call, client, serving
from tonescope.ui.server import ServerOptions, Serving
from tonescope.ui.web import accounts, sign_in
from tonescope.ui.web.accounts import keep

PASSWORD = "correct horse"
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "N", 2)
        patch.setattr(accounts, "_NOBODY", accounts.Hash(2, 8, 1, b"\0" * 16, b"\0" * 32))
        yield


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, _cheap_hashes: None) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "people"
    for name in ("ann", "bob", "eve"):
        keep(path, name, PASSWORD)
    return path


@pytest.fixture(scope="module")
def guarded(people: Path) -> Iterator[Serving]:
    with serving(ServerOptions(accounts=people), rows=[TOY]) as found:
        yield found


@pytest.fixture
def asking(guarded: Serving) -> Iterator[httpx.Client]:
    with client(guarded) as found:
        yield found


def sign(asking: httpx.Client, name: str, password: str = PASSWORD, **named: str) -> httpx.Response:
    return asking.post("/login", data={"username": name, "password": password}, **named)  # type: ignore[arg-type]


def test_without_signing_in_there_is_the_page_for_it_and_nothing_else(asking: httpx.Client) -> None:
    for path in ("/", "/guide"):
        answer = asking.get(path, headers=HTML)
        assert answer.status_code == 303 and answer.headers["location"] == f"/login?next={path}"
    page = asking.get("/login", headers=HTML)
    assert page.status_code == 200 and 'type="password"' in page.text and "gradio" not in page.text
    for path in ("/", "/config", "/gradio_api/info", "/assets/x.js", "/gradio_api/queue/data", "/gradio_api/file=/x"):
        assert asking.get(path).status_code == 401, path
    assert asking.post("/gradio_api/queue/join", json={}).status_code == 401
    assert asking.post("/gradio_api/upload", files={"files": ("a", b"b")}).status_code == 401
    style = asking.get("/tonescope/frame.css")
    assert style.status_code == 200


def test_after_signing_in_the_page_is_there_with_the_name_on_it(asking: httpx.Client) -> None:
    answer = asking.post("/login?next=/guide", data={"username": "ann", "password": PASSWORD}, headers=HTML)
    assert answer.status_code == 303 and answer.headers["location"] == "/guide"
    line = answer.headers["set-cookie"]
    assert "HttpOnly" in line and "SameSite=Lax" in line
    page = asking.get("/guide", headers=HTML)
    assert page.status_code == 200 and "Sign out" in page.text and ">ann<" in page.text
    assert call(asking, "who") == ("complete", '["user:ann ann"]')
    asking.post("/logout")
    assert asking.get("/config").status_code == 401


def test_two_people_are_two_owners(guarded: Serving) -> None:
    seen = set()
    for name in ("ann", "bob"):
        with client(guarded, auth=(name, PASSWORD)) as asking:
            seen.add(call(asking, "who")[1])
    assert seen == {'["user:ann ann"]', '["user:bob bob"]'}


def test_programs_sign_in_as_gradios_clients_do(asking: httpx.Client) -> None:
    answer = sign(asking, "ann")
    assert answer.status_code == 200 and answer.json() == {"success": True}
    assert asking.get("/config").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"), [("bob", "wrong one"), ("nobody", PASSWORD), ("", ""), ("a\x00b", "é\ud7ff")]
)
def test_a_wrong_password_says_neither_what_was_wrong(asking: httpx.Client, name: str, password: str) -> None:
    answer = sign(asking, name, password)
    assert answer.status_code == 400 and answer.json()["detail"] == sign_in.WRONG
    page = sign(asking, name, password, headers=HTML)  # type: ignore[arg-type]
    assert page.status_code == 400 and sign_in.WRONG in page.text and 'role="alert"' in page.text


def test_guessing_is_stopped_for_the_name_that_is_guessed(asking: httpx.Client) -> None:
    for _ in range(sign_in.MOST_TRIES):
        assert sign(asking, "eve", "not the one").status_code == 400
    assert sign(asking, "eve").status_code == 429  # the right one, too late
    assert asking.get("/config", auth=("eve", PASSWORD)).status_code == 401
    assert sign(asking, "ann").status_code == 200


def test_many_guesses_at_once_are_as_many_guesses(people: Path) -> None:
    sign_ins = sign_in.SignIns(accounts.Accounts(people))
    found: list[bool | None] = []

    async def guess() -> None:
        found.append(await sign_ins.check("here", "bob", "not the one"))

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(3 * sign_in.MOST_TRIES):
                group.start_soon(guess)

    with start_blocking_portal() as portal:
        portal.call(all_at_once)
    assert found.count(False) == sign_in.MOST_TRIES and found.count(None) == 2 * sign_in.MOST_TRIES


def test_after_signing_in_the_run_that_was_asked_for_is_opened(asking: httpx.Client) -> None:
    asked = asking.get("/", params={"run": "a-b_c", "from": "ä&x"}, headers=HTML)
    answer = asking.post(
        asked.headers["location"], data={"username": "ann", "password": PASSWORD}, headers=HTML, follow_redirects=False
    )
    assert answer.status_code == 303
    assert httpx.URL(answer.headers["location"]).params == httpx.QueryParams({"run": "a-b_c", "from": "ä&x"})


@pytest.mark.parametrize("line", ["Basic", "Basic !!", "Basic YQ==", "Bearer x", "Basic " + "A" * 5000])
def test_headers_that_are_no_sign_in_are_refused(asking: httpx.Client, line: str) -> None:
    assert asking.get("/config", headers={"Authorization": line}).status_code == 401


@pytest.mark.parametrize(
    "following", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "/a%0d%0aX:1"]
)
def test_signing_in_leads_to_no_other_server(asking: httpx.Client, following: str) -> None:
    answer = asking.post(
        "/login", params={"next": following}, data={"username": "ann", "password": PASSWORD}, headers=HTML
    )
    assert answer.status_code == 303 and answer.headers["location"].startswith("/")
    assert not answer.headers["location"].startswith(("//", "/\\")) and "x" not in answer.headers


def test_whoever_is_taken_out_of_the_file_is_out_at_once(asking: httpx.Client, people: Path) -> None:
    keep(people, "dan", PASSWORD)
    assert sign(asking, "dan").status_code == 200 and asking.get("/config").status_code == 200
    keep(people, "dan", None)
    assert asking.get("/config").status_code == 401


def test_a_form_that_is_too_large_is_no_sign_in(asking: httpx.Client) -> None:
    assert sign(asking, "ann", "x" * 10_000).status_code in (400, 413)


def test_a_foreign_page_cannot_sign_anyone_in_or_out(asking: httpx.Client) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert sign(asking, "ann", headers=foreign).status_code == 403  # type: ignore[arg-type]
    assert asking.post("/logout", headers=foreign).status_code == 403
    assert asking.get("/logout").status_code == 404
