"""What is asked about prompts over HTTP: feedback as it is typed; lint, suggest and contrast by their names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.serving import client, serving
from tests.ui.test_run_api import asked, ended, refused
from tonescope.diagnose.repair.steering import Steering
from tonescope.diagnose.repair.take_budget import FEWEST_TAKES
from tonescope.diagnose.store.run_files import RESULT
from tonescope.ui.server import ServerOptions, Serving


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.fixture
def asking(served: Serving) -> Iterator[httpx.Client]:
    with client(served) as visitor:
        visitor.get("/gradio_api/info")
        yield visitor


def feedback(asking: httpx.Client, **given: Any) -> httpx.Response:
    return asking.post("/feedback", content=json.dumps(given), headers={"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def repaired(served: Serving) -> str:
    """The name of a repair that ended."""
    with client(served) as visitor:
        visitor.get("/gradio_api/info")
        given = {"prompt": "house with piano", "intended": "smooth jazz", "budget": FEWEST_TAKES, "seconds": 0.3}
        name = str(asked(visitor, "submit", "suggest", given)["run"])
        assert ended(visitor, name)["state"] == "done"
        return name


@pytest.mark.parametrize("prompt", ["a", "x " * 10_000, "?!…", "ジャズ", "\ud800", "<script>", "house without drums"])
def test_case_any_prompt_gets_feedback_over_http(asking: httpx.Client, prompt: str) -> None:
    answer = feedback(asking, prompt=prompt)
    assert answer.status_code == 200 and answer.json()["html"].startswith("<p") and "<script" not in answer.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"prompt": "house", "intended": "gamelan"}', "does not know “gamelan”"),
        (b'{"prompt": 3}', "it is no text"),
        (b"[1]", "asks for nothing"),
        (b"{", "no JSON"),
    ],
)
def test_case_what_gets_no_feedback_is_told_in_a_sentence(asking: httpx.Client, body: bytes, told: str) -> None:
    answer = asking.post("/feedback", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and told in answer.json()["detail"] and answer.json()["detail"].endswith(".")


def test_feedback_is_given_to_who_may_use_the_server_alone(served: Serving) -> None:
    with client(served) as visitor:
        headers = {"Content-Type": "application/json", "Origin": "https://example.org"}
        assert visitor.post("/feedback", content=b'{"prompt": "house"}', headers=headers).status_code == 403
        assert visitor.get("/feedback").status_code == 404


def test_lint_over_http_is_the_feedback_as_data(asking: httpx.Client) -> None:
    found = asked(asking, "lint", "house, masterpiece", "")
    assert found["asked"] == "house" and [one["rule"] for one in found["findings"]] == ["superstition"]
    assert "does not know" in refused(asking, "lint", "house", "gamelan")


def test_suggest_over_http_ends_with_its_result(asking: httpx.Client) -> None:
    told = asked(asking, "suggest", "house with piano", "smooth jazz", FEWEST_TAKES, 0.3, 1, 3.0, "", 0.9, 100, False)
    assert told["result"]["settings"]["temperature"] == 0.9 and told["result"]["settings"]["top_k"] == 100
    assert told["state"] == "done" and told["result"]["intended"] == "smooth jazz"
    assert told["result"]["sentence"] == told["sentence"]


def test_contrast_over_http_ends_with_its_result_and_is_asked_on(asking: httpx.Client) -> None:
    told = asked(asking, "contrast", "house with piano", "house with drums", 2, 0.3, 1, 3.0)
    assert told["state"] == "done" and told["result"]["second"] == "house with drums"
    shown = asking.get(f"/run/{told['run']}/state").json()
    assert shown["job"] == "contrast" and "Which phrase makes the difference" in shown["html"]


@pytest.mark.parametrize(
    ("job", "given", "told"),
    [
        ("suggest", {"prompt": "house", "budget": 3}, f"{FEWEST_TAKES} are the fewest"),
        ("suggest", {"prompt": " "}, "prompt is empty"),
        ("suggest", {"prompt": "x" * 20_000}, "20000 characters"),
        ("contrast", {"first": "house", "second": " house "}, "oth prompts are the same"),
        ("contrast", {"first": "house", "second": "techno", "takes": 1}, "2 takes or more"),
        ("lint", {"prompt": "house"}, "cannot be run from here"),
    ],
)
def test_case_what_cannot_be_asked_is_refused_before(
    asking: httpx.Client, job: str, given: dict[str, Any], told: str
) -> None:
    assert told in refused(asking, "submit", job, given)


def test_a_repair_is_shown_and_asked_on_by_its_address(asking: httpx.Client, repaired: str) -> None:
    shown = asking.get(f"/run/{repaired}/state").json()
    assert shown["job"] == "suggest" and 'id="run-suggestion"' in shown["html"] and "tonescope-ab" in shown["html"]
    assert "steering.json" not in shown["html"]
    answer = asking.get(f"/run/{repaired}/steering.json")
    assert answer.status_code == 404 and "nothing to steer by" in answer.json()["detail"]
    if 'data-ask="next"' in shown["html"]:
        name = asked(asking, "ask", repaired, "next", "next:0")["run"]
        asked(asking, "cancel", name)


def test_the_tools_have_these_names_over_mcp() -> None:
    pytest.importorskip("mcp", reason="the package mcp is not installed")
    with serving(ServerOptions(mcp=True)) as served, client(served) as visitor:
        named = visitor.get("/gradio_api/mcp/schema").text
        assert all(f'"{name}"' in named for name in ("lint", "suggest", "contrast"))


def test_what_is_steered_by_is_downloaded_as_the_file_that_is_applied(
    served: Serving, asking: httpx.Client, repaired: str, tmp_path: Path
) -> None:
    """A repair in whose result a steering stands."""
    workshop = served._server.workshop
    made = Steering(
        made="2026-01-01",
        model="tiny",
        generator="0" * 16,
        units=["decoder.1.mlp:5"],
        factor=2.0,
        prompt="house",
        intended="house",
    )
    path = workshop.workspace.files(repaired).final / RESULT
    before = path.read_text(encoding="utf-8")
    told = json.loads(before) | {"steering": {"told": "It steers.", "steering": made.model_dump(mode="json")}}
    try:
        path.write_text(json.dumps(told), encoding="utf-8")
        answer = asking.get(f"/run/{repaired}/steering.json")
    finally:
        path.write_text(before, encoding="utf-8")
    (tmp_path / "steering.json").write_bytes(answer.content)
    assert Steering.load(tmp_path / "steering.json") == made and "attachment" in answer.headers["content-disposition"]


def draft(asking: httpx.Client, **given: Any) -> httpx.Response:
    return asking.post("/draft", content=json.dumps(given), headers={"Content-Type": "application/json"})


def test_a_draft_is_one_short_take_with_what_is_heard_in_it(asking: httpx.Client) -> None:
    html = draft(asking, prompt="house <b>with</b> piano").json()["html"]
    assert 'src="data:audio/' in html and "observed" in html and "one take says little" in html and " s here." in html


def test_case_what_cannot_be_played_is_no_draft(asking: httpx.Client) -> None:
    for given, told in (({"prompt": " "}, "prompt is empty"), ({"prompt": "x" * 20_000}, "20000 characters")):
        answer = draft(asking, **given)
        assert answer.status_code == 400 and told in answer.json()["detail"]


def test_a_draft_is_never_in_the_way_of_a_run(asking: httpx.Client) -> None:
    given = {"prompt": "house", "takes": 8, "seconds": 3.0, "candidates": 40}
    name = str(asked(asking, "submit", "diagnose", given)["run"])
    assert draft(asking, prompt="house").json()["html"] == ""
    asked(asking, "cancel", name)


def test_suggest_over_http_reads_settings_and_looks_for_steering(served: Serving, asking: httpx.Client) -> None:
    about = asking.get("/gradio_api/info").json()["named_endpoints"]["/suggest"]["parameters"]
    names = [row["parameter_name"] for row in about]
    assert {"steering", "negative", "temperature", "top_k"} <= set(names) and all(
        row["parameter_has_default"] for row in about if row["parameter_name"] != "prompt"
    )
