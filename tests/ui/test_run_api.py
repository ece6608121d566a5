"""Runs over HTTP as programs and pages ask for them: names, schemas, whose a run is, what is refused."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ui.serving import call, client, serving
from tonescope.ui.server import Serving

SHORT = {"takes": 1, "seconds": 0.5, "quick": True}
LONG: dict[str, Any] = {"takes": 16, "seconds": 2.0}


@pytest.fixture(scope="module")
def served() -> Iterator[Serving]:
    with serving() as running:
        yield running


@pytest.fixture
def asking(served: Serving) -> Iterator[httpx.Client]:
    """A visitor: the first answer brings the cookie."""
    with client(served) as visitor:
        visitor.get("/gradio_api/info")
        yield visitor


def asked(asking: httpx.Client, name: str, *data: Any) -> Any:
    event, told = call(asking, name, *data)
    assert event == "complete", told
    return json.loads(told)[0]


def refused(asking: httpx.Client, name: str, *data: Any) -> str:
    event, told = call(asking, name, *data)
    assert event == "error", told
    return str(json.loads(told)["error"])


def ended(asking: httpx.Client, name: str) -> Any:
    until = time.monotonic() + 60
    while (told := asked(asking, "status", name))["state"] in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return told


def submitted(asking: httpx.Client, prompt: str = "smooth jazz", **given: Any) -> str:
    return str(asked(asking, "submit", "diagnose", {"prompt": prompt, **(given or SHORT)})["run"])


@pytest.fixture(scope="module")
def done(served: Serving) -> str:
    """A whole diagnosis, with units."""
    with client(served) as visitor:
        visitor.get("/gradio_api/info")
        name = submitted(visitor, "smooth jazz, <b>house</b>", takes=2, seconds=0.5)
        assert ended(visitor, name)["state"] == "done"
    return name


def test_a_diagnosis_over_http_ends_with_its_result(asking: httpx.Client) -> None:
    told = asked(asking, "diagnose", "house", 1, 0.5, 1, 3.0, "", "", True)
    assert told["state"] == "done" and told["result"]["prompt"] == "house" and told["result"]["settings"]["quick"]
    assert asked(asking, "result", told["run"])["result"] == told["result"]


def test_an_edit_over_http_ends_with_its_result(asking: httpx.Client) -> None:
    told = asked(asking, "edit", "house", ["decoder.0.mlp:3"], "scale", 2.0, 1, 0.5, 1)
    assert told["state"] == "done" and told["result"]["prompt"] == "house"


def test_the_names_of_the_functions_stay(asking: httpx.Client) -> None:
    named = asking.get("/gradio_api/info").json()["named_endpoints"]
    of_runs = {"/diagnose", "/edit", "/submit", "/ask", "/status", "/cancel", "/delete", "/result"}
    of_prompts, of_units = (
        {"/lint", "/suggest", "/contrast"},
        {"/lens", "/bookmark", "/unbookmark", "/bookmarks"},
    )
    assert of_runs | of_prompts | of_units == set(named)


def test_what_is_documented_is_what_there_is(asking: httpx.Client, done: str) -> None:
    about = (Path(__file__).parents[2] / "docs" / "app.md").read_text(encoding="utf-8").partition("## For programs")[2]
    rows = "".join(line.split("|")[1] for line in about.splitlines() if line.startswith("| "))
    functions = {name.strip("/") for name in asking.get("/gradio_api/info").json()["named_endpoints"]}
    assert set(re.findall(r"`([a-z_]+)`", rows)) == functions | set(asked(asking, "status", done))


def test_a_seed_of_ten_to_the_22_is_refused_before(asking: httpx.Client) -> None:
    """Case "seed 10^22 on the page"."""
    assert "seed" in refused(asking, "submit", "diagnose", {"prompt": "house", "seed": 10**22})


@pytest.mark.parametrize(
    ("job", "given", "told"),
    [
        ("compare", {"first": "a", "second": "b"}, "cannot be run from here"),
        ("listen", {"files": ["/etc/passwd"]}, "“files” is for who runs"),
        ("listen", {"metadata": "/etc/passwd"}, "“metadata” is for who runs"),
        ("listen", {"surrogate": "/etc"}, "can be put through"),
        ("listen", {}, "No file was named"),
        ("audit", {"library": "/etc"}, "“library” is for who runs"),
        ("audit", {"engine": "ray"}, "“engine” is for who runs"),
        ("audit", {"shards": "/etc"}, "“shards” is for who runs"),
        ("audit", {"design": "/etc/passwd"}, "The design holds no design"),
        ("audit", {"design": ["x"]}, "no text"),
        ("confusion", {"genres": "house,zydeco"}, "zydeco"),
        ("diagnose", {"prompt": "house", "known": "/etc"}, "“known” is for who runs"),
        ("diagnose", {"prompt": "house", "second_judge": "/etc"}, "“second_judge” is for who runs"),
        ("diagnose", {"prompt": "house", "memory_gib": 1000}, "“memory_gib” is for who runs"),
        ("diagnose", {"prompt": "house", "takes": 0}, "0 takes"),
        ("diagnose", {"prompt": "house", "colour": "red"}, "colour"),
    ],
)
def test_what_reads_this_machine_is_refused(asking: httpx.Client, job: str, given: dict[str, Any], told: str) -> None:
    assert told in refused(asking, "submit", job, given)


def test_stop_twice_and_while_queued_is_harmless(asking: httpx.Client) -> None:
    running, waiting = submitted(asking, **LONG), submitted(asking, **LONG)
    assert asked(asking, "status", waiting)["state"] == "queued"
    for name in (waiting, running):
        assert asked(asking, "cancel", name)["told"] == "Stopping. What was found so far is kept."
        asked(asking, "cancel", name)
        assert ended(asking, name)["state"] == "stopped"
    assert "ended already" in asked(asking, "cancel", running)["told"]


def test_nobody_stops_the_run_of_another(served: Serving, asking: httpx.Client) -> None:
    name = submitted(asking, **LONG)
    with client(served) as other:
        other.get("/gradio_api/info")
        assert "somebody else" in refused(other, "cancel", name)
        assert asked(other, "status", name)["state"] in ("queued", "running")  # who has the link may look
    asked(asking, "cancel", name)


def test_a_run_has_an_address_that_shows_it_as_text(asking: httpx.Client, done: str) -> None:
    moved = asking.get(f"/run/{done}")
    assert moved.status_code == 303 and moved.headers["location"] == f"/?run={done}"
    shown = asking.get(f"/run/{done}/state").json()
    assert shown["state"] == "done" and "&lt;b&gt;house" in shown["html"] and "<b>house" not in shown["html"]
    again = asking.get(f"/run/{done}/state?mark={shown['mark']}").json()
    assert "html" not in again and again["mark"] == shown["mark"]
    sound = shown["html"].split(f"/run/{done}/audio/")[1].split("&")[0].split('"')[0]
    assert asking.get(f"/run/{done}/audio/{sound}").content.startswith(b"fLaC")


def test_case_an_address_of_no_run_leads_to_a_page_that_says_so(asking: httpx.Client) -> None:
    for name, kept in (("nosuchrun", "nosuchrun"), ("näme", "n%C3%A4me"), ("x" * 99, "x" * 80)):
        moved = asking.get(f"/run/{name}")
        assert moved.status_code == 303 and moved.headers["location"] == f"/?run={kept}"
        for query in ("", "?mark=-&wait=1"):
            answer = asking.get(f"/run/{name}/state{query}")
            assert answer.status_code == 404 and answer.json()["detail"].startswith("There is no run “")


def test_a_run_is_downloaded_as_a_page_a_picture_and_a_file(asking: httpx.Client, done: str) -> None:
    begins = {"report.html": b"<!doctype html>", "card.png": b"\x89PNG", "run.zip": b"PK"}
    for part, first in begins.items():
        answer = asking.get(f"/run/{done}/{part}")
        assert answer.status_code == 200 and answer.content.lstrip().startswith(first), part
        assert "attachment" in answer.headers["content-disposition"]


def test_a_page_that_waits_is_told_what_is_new_at_once_and_else_after_a_second(asking: httpx.Client, done: str) -> None:
    began = time.monotonic()
    shown = asking.get(f"/run/{done}/state?mark=-&wait=1").json()
    assert "html" in shown and time.monotonic() - began < 1
    name = submitted(asking, "house", **LONG)
    began, mark = time.monotonic(), asking.get(f"/run/{name}/state").json()["mark"]
    if mark.startswith("running"):
        shown = asking.get(f"/run/{name}/state?mark={mark}&wait=1").json()
        assert "html" in shown or time.monotonic() - began > 0.9
    asked(asking, "cancel", name)


@pytest.mark.parametrize("part", ["state", "report.html", "audio/result/1.flac", "audio/result/../views.json"])
def test_a_run_that_there_is_not_is_told_in_a_sentence(asking: httpx.Client, part: str) -> None:
    answer = asking.get(f"/run/{'a' * 22}/{part}")
    assert answer.status_code == 404 and answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    ("kind", "value", "job", "expected"),
    [
        ("foil", "house", "diagnose", {"foil": "house", "takes": 2}),
        ("word", "0:11", "diagnose", {"prompt": "<b>house</b>", "intended": "smooth jazz"}),
        ("mute", "decoder.0.mlp:3, decoder.1.mlp:2", "edit", {"where": ["decoder.0.mlp:3", "decoder.1.mlp:2"]}),
        ("double", "decoder.0.mlp:3", "edit", {"kind": "scale", "value": 2.0, "seconds": 0.5}),
        ("scale", "decoder.0.mlp:3 -1.5", "edit", {"kind": "scale", "value": -1.5}),
        (
            "edit",
            '{"where": "decoder.0.mlp:3", "kind": "set", "value": "3", "between": "0, 0.2", '
            '"branch": "cond", "takes": ""}',
            "edit",
            {"where": ["decoder.0.mlp:3"], "kind": "set", "value": 3.0, "between": [0.0, 0.2], "branch": "cond"},
        ),
        ("again", "", "diagnose", {"prompt": "smooth jazz, <b>house</b>", "takes": 2}),
        ("next", "next:0", None, {}),
    ],
)
def test_a_run_is_asked_on_by_one_click(
    asking: httpx.Client, done: str, kind: str, value: str, job: str | None, expected: dict[str, Any]
) -> None:
    name = asked(asking, "ask", done, kind, value)["run"]
    shown = asking.get(f"/run/{name}/state").json()
    asked(asking, "cancel", name)
    assert job is None or shown["job"] == job
    assert {key: shown["parameters"][key] for key in expected} == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("word", "1:2"),
        ("word", "x"),
        ("burn", ""),
        ("mute", "nowhere:1"),
        ("mute", " , "),
        ("scale", "decoder.0.mlp:3"),
        ("edit", "not JSON"),
        ("edit", "[]"),
        ("edit", '{"kind": "mean"}'),
        ("edit", '{"where": ["decoder.0.mlp:3"]}'),
        ("edit", '{"where": "decoder.0.mlp:3", "memory_gib": "9"}'),
        ("edit", '{"where": "decoder.0.mlp:3", "colour": "red"}'),
        ("next", "next:99"),
        ("next", "verdict"),
    ],
)
def test_what_cannot_be_asked_on_is_refused(asking: httpx.Client, done: str, kind: str, value: str) -> None:
    event, told = call(asking, "ask", done, kind, value)
    if event == "complete":  # whether there is such a unit is known by who computes
        assert ended(asking, json.loads(told)[0]["run"])["problem"]
    else:
        assert json.loads(told)["error"].endswith(".")
