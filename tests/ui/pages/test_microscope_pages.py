"""The pages of units, locations and the map: addresses, what is on them, what may be started, and by whom."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import torch

from tests import tiny
from tests.diagnose.microscope.tiny_microscope import SECONDS
from tests.diagnose.unit_index.planted_index import DEAD, KICK, PLACE, planted_index
from tests.ui.serving import call, client, serving
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.runtime.cache import cache_folder
from tonescope.diagnose.store.artifacts import Artifact, ArtifactStore
from tonescope.diagnose.store.bookmarks import Bookmark, Bookmarks
from tonescope.diagnose.store.run_list import Run, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.diagnose.unit_index.index_place import index_root
from tonescope.diagnose.unit_index.page_address import page_address
from tonescope.models.generator import Takes
from tonescope.models.units import Unit
from tonescope.ui.pages.microscope_pages import MicroscopePages
from tonescope.ui.server import Serving
from tonescope.ui.web.plain_pages import EMBED, Asked
from tonescope.ui.workshop import Workshop

UNIT = f"{PLACE}:{KICK}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONESCOPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr(Microscope, "of", classmethod(_short))
        if not (index_root() / "planted").exists():
            index_root().mkdir(parents=True, exist_ok=True)
            planted_index(index_root() / "planted")
        with serving() as running:
            yield running


def _short(kind: type[Microscope], session: Any, progress: Any = None) -> Microscope:
    store = ArtifactStore(cache_folder() / "artifacts")
    made = kind(session.generator, session.judge, store, real_seconds=SECONDS)
    return replace(made, advance=progress) if progress else made


@pytest.fixture
def asking(served: Serving) -> Iterator[httpx.Client]:
    with client(served) as visitor:
        visitor.get("/gradio_api/info")
        yield visitor


def page(asking: httpx.Client, path: str) -> str:
    answer = asking.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_map_has_a_tile_for_every_location(asking: httpx.Client) -> None:
    shown = page(asking, "/microscope")
    generator = tiny.generator()
    for place in generator.locations():
        assert f'href="/microscope/{place}"' in shown
    assert re.search(rf'href="/microscope/{PLACE}"[^>]*data-state="indexed"', shown)
    assert 'aria-current="page">Microscope' in shown and "<gradio-app" not in shown


def test_units_of_a_location_are_sorted_by_a_statistic(asking: httpx.Client) -> None:
    def units(sort: str) -> list[str]:
        return re.findall(rf'href="/microscope/{PLACE}:(\d+)"', page(asking, f"/microscope/{PLACE}?sort={sort}"))

    assert units("unit") == [str(at) for at in range(40)]
    assert units("mean")[0] == str(KICK) and units("nothing") == units("unit")
    assert re.search(rf':{DEAD}" data-state="dead"', page(asking, f"/microscope/{PLACE}"))
    assert "no corpus was played to them" in page(asking, "/microscope/decoder.0.mlp")
    assert page(asking, f"/microscope/{PLACE}?page=99") and page(asking, f"/microscope/{PLACE}?page=x")


def test_a_unit_has_all_that_is_known_under_one_address(asking: httpx.Client) -> None:
    shown = page(asking, f"/microscope/{UNIT}")
    session = tiny.session()
    address = page_address(UNIT, session.generator, session.judge)
    assert f'rel="canonical" href="{address}"' in shown and f'data-copy="{address}"' in shown
    for part in ("a groove with kick and piano", "CC0", "What it usually does", "Whom it speaks to", "codebook 0"):
        assert part in shown
    assert f'data-part="/microscope/{UNIT}/heard"' in shown and 'data-lens="visualize"' in shown
    assert f"/microscope/{PLACE}:1" in shown and f"/microscope/{PLACE}:-1" not in shown
    assert "The corpus is no longer" in page(asking, f"/microscope/{UNIT}/heard")
    assert "is dead" in page(asking, f"/microscope/{PLACE}:{DEAD}")
    bare = page(asking, "/microscope/decoder.0.mlp:1")
    assert "No index is over this location" in bare and "Whom it speaks to" in bare


def test_a_link_made_with_another_model_says_so(asking: httpx.Client) -> None:
    assert "another model" in page(asking, f"/microscope/{UNIT}?of=0123456789ab")
    own = page_address(UNIT, tiny.generator(), tiny.judge())
    assert "another model" not in page(asking, own)


@pytest.mark.parametrize(
    "path", ["decoder.9.mlp", "decoder.1.mlp:999", "nonsense", "decoder.1.mlp:1/nothing", "artifact/00ff"]
)
def test_what_there_is_not_is_told_in_a_sentence(asking: httpx.Client, path: str) -> None:
    answer = asking.get(f"/microscope/{path}")
    assert answer.status_code == 404 and answer.json()["detail"].endswith((".", "it."))


def test_an_embedded_page_may_stand_in_others_and_starts_nothing(asking: httpx.Client) -> None:
    answer = asking.get(f"/microscope/{UNIT}?embed")
    assert "frame-ancestors *" in answer.headers["content-security-policy"]
    assert "x-frame-options" not in answer.headers
    for started in ("data-lens", "data-bookmark", "/runs", "<form", "<nav"):
        assert started not in answer.text
    assert "a groove with kick and piano" in answer.text
    plain = asking.get(f"/microscope/{UNIT}")
    assert plain.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in plain.headers["content-security-policy"]
    assert asking.get("/?embed").headers["x-frame-options"] == "DENY"


def test_a_bookmark_is_kept_listed_and_dropped(asking: httpx.Client) -> None:
    assert call(asking, "bookmark", UNIT, "<b>kick</b>", "notes & more", "drums, low")[0] == "complete"
    shown = page(asking, f"/microscope/{UNIT}")
    assert "Kept as “&lt;b&gt;kick&lt;/b&gt;”" in shown and "notes &amp; more" in shown
    assert f"/microscope/{UNIT}?of=" in page(asking, "/microscope") and "drums" in page(asking, "/microscope")
    assert "kick" not in page(asking, "/microscope?embed")
    assert call(asking, "unbookmark", UNIT)[0] == "complete"
    assert "Keep this unit" in page(asking, f"/microscope/{UNIT}")
    for wrong in (("decoder.1.mlp:999", "x"), (UNIT, " "), (UNIT, "x" * 500), ("nothing", "x")):
        assert call(asking, "bookmark", *wrong, "", "")[0] == "error"


def test_bookmarks_are_searched_exported_and_imported_on_the_page(asking: httpx.Client) -> None:
    for unit, name, tags in ((UNIT, "the kick", "drums"), ("decoder.1.mlp:9", "a slow one", "tempo")):
        assert call(asking, "bookmark", unit, name, "", tags)[0] == "complete"
    shown = page(asking, "/microscope?bookmarks=DRUMS kick")
    assert "the kick" in shown and "a slow one" not in shown and 'value="DRUMS kick"' in shown
    assert "None holds all of these words" in page(asking, "/microscope?bookmarks=<b>")
    everything = page(asking, "/microscope")
    assert "data-export" in everything and 'name="bookmarks"' in everything and "the kick" in everything
    assert "data-bookmarks" not in page(asking, "/microscope?embed")
    event, told = call(asking, "bookmarks", "kick", "")
    sent = json.loads(told)[0]
    assert event == "complete" and sent["count"] == 1
    theirs = json.loads(sent["file"])
    theirs["bookmarks"][0] |= {"fingerprint": "0" * 16, "model": "theirs", "name": "their kick"}
    event, told = call(asking, "bookmarks", "", json.dumps(theirs))
    assert event == "complete" and json.loads(told)[0]["told"] == "1 new, 0 replaced, 0 left as they are here."
    assert "their kick" in page(asking, "/microscope") and "another model" in page(asking, "/microscope")
    for wrong in (" ", "[]", json.dumps(theirs | {"format": "x"}), 5):
        event, told = call(asking, "bookmarks", "", wrong)
        assert event == "error" and json.loads(told)["error"].endswith(".")
    for unit in (UNIT, "decoder.1.mlp:9"):
        call(asking, "unbookmark", unit)


def _ended(asking: httpx.Client, run: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while (told := asking.get(f"/run/{run}/state").json())["state"] in ("queued", "running"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return told  # type: ignore[no-any-return]


def test_a_lens_becomes_a_run_and_then_an_artifact_on_the_page(asking: httpx.Client) -> None:
    event, told = call(asking, "lens", "visualize", "decoder.1.mlp:5", {"side": "both", "objective": "neuron"}, None)
    assert event == "complete", told
    run = json.loads(told)[0]
    assert run["address"] == f"/run/{run['run']}"
    ended = _ended(asking, run["run"])
    assert ended["state"] == "done", ended
    shown = page(asking, "/microscope/decoder.1.mlp:5")
    part = re.search(r'data-part="(/microscope/artifact/[0-9a-f]+)"', shown)
    assert part is not None
    heard = page(asking, part[1])
    assert "tonescope-ab" in heard and "positive" in heard and "negative" in heard
    assert run["run"] in page(asking, "/microscope/decoder.1.mlp:5/runs")
    with httpx.Client(base_url=asking.base_url, trust_env=False) as other:
        other.get("/gradio_api/info")
        assert run["run"] not in page(other, "/microscope/decoder.1.mlp:5/runs")
    event, told = call(asking, "ask", run["run"], "again", "")
    assert event == "complete" and _ended(asking, json.loads(told)[0]["run"])["state"] == "done"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("visualize", "decoder.1.mlp:5", {"steps": 4096}), "cannot be chosen here"),
        (("caricature", "decoder.1.mlp", {"clip": "/etc/passwd"}), "cannot be chosen here"),
        (("caricature", "decoder.1.mlp", {}), "clip"),
        (("dream", "decoder.1.mlp:5", {}), "location"),
        (("visualize", "", {}), "looks at a unit"),
        (("find", "decoder.1.mlp", {"query": "kick"}), "whole model"),
        (("audit", "", {}), "no lens"),
    ],
)
def test_what_a_visitor_may_not_start_is_refused(asking: httpx.Client, asked: Any, told: str) -> None:
    event, said = call(asking, "lens", *asked, None)
    assert event == "error" and told in json.loads(said)["error"]


def test_a_clip_is_uploaded_kept_with_its_run_and_never_read_from_elsewhere(asking: httpx.Client) -> None:
    buffer = io.BytesIO()
    wave = 0.2 * np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)
    soundfile.write(buffer, wave.astype(np.float32), 8000, format="WAV")
    answer = asking.post("/gradio_api/upload", files={"files": ("mine.wav", buffer.getvalue())})
    assert answer.status_code == 200, answer.text
    file = {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}
    event, told = call(asking, "lens", "caricature", "judge.1.mlp", {}, file)
    assert event == "complete", told
    run = json.loads(told)[0]["run"]
    state = _ended(asking, run)
    assert "clip" not in state["parameters"] and state["state"] == "done", state
    assert 'data-part="/microscope/artifact' not in page(asking, "/microscope/judge.1.mlp")  # it is somebody's own
    event, told = call(asking, "lens", "dream", "judge.1.mlp", {"start": "noise"}, file)
    assert event == "complete", told
    run = json.loads(told)[0]["run"]
    state = _ended(asking, run)
    assert state["state"] == "done" and "clip" not in state["parameters"], state
    assert "From the clip" in json.dumps(json.loads(call(asking, "result", run)[1]))
    for wrong in ({"path": "/etc/passwd"}, {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}):
        assert call(asking, "lens", "caricature", "judge.1.mlp", {}, wrong)[0] == "error"


def test_artifacts_of_somebodys_words_are_shown_in_their_runs_alone(asking: httpx.Client) -> None:
    session, store = tiny.session(), ArtifactStore(cache_folder() / "artifacts")
    scope = Microscope(session.generator, session.judge, store)
    for prompt, unit in (("music", "decoder.2.mlp:1"), ("my secret song", "decoder.2.mlp:2")):
        recipe = scope.recipe("visualize", 1, {"unit": unit, "prompt": prompt, "seed": 1})
        takes = Takes((prompt,), (1,), {}, torch.zeros(1, 800))
        store.keep(replace(Artifact.of_takes(recipe, takes), result={"renderings": []}))
    assert "/microscope/artifact/" in page(asking, "/microscope/decoder.2.mlp:1")
    assert "/microscope/artifact/" not in page(asking, "/microscope/decoder.2.mlp:2")


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[MicroscopePages]:
    with Workspace.open(tmp_path) as workspace:
        workshop = Workshop(tiny.session(), workspace)
        yield MicroscopePages(workshop)
        workshop.close()


def test_a_page_sees_the_runs_of_its_visitor_and_an_embedded_one_nobodys(pages: MicroscopePages) -> None:
    shelf = pages._shelf(Asked("", {}, "me"))
    assert (shelf.workspace, shelf.owner) == (pages.workshop.workspace, "me")
    assert pages._shelf(Asked("", {EMBED: ""}, "me")).workspace is None
    looked = {"unit": "decoder.1.mlp:1"}
    runs = pages.workshop.workspace.runs
    runs.add(Run(name=new_name(), job="visualize", parameters=looked, models="", owner="me", title="", worker=""))
    assert len(pages._own_runs(Asked("", {}, "me"))) == 1 and not pages._own_runs(Asked("", {}, "you"))
    assert not pages._own_runs(Asked("", {EMBED: ""}, "me"))


def test_a_bookmark_is_that_of_a_unit_in_the_model_that_has_it_now(pages: MicroscopePages) -> None:
    session = pages.workshop.session
    kept = [
        ("decoder.1.mlp:1", session.generator.fingerprint()),
        ("decoder.1.mlp:2", "0" * 16),
        ("judge.1.mlp:1", session.judge.fingerprint()),
    ]
    with Bookmarks(pages.workshop.workspace.folder) as bookmarks:
        for unit, fingerprint in kept:
            bookmarks.keep(Bookmark(unit=unit, model="tiny", fingerprint=fingerprint, name="x"))
    found = [pages._bookmark(Unit.parse(unit)).bookmark is not None for unit, _ in kept]
    assert found == [True, False, True]
    assert {one.unit for one, foreign in pages._bookmarks() if foreign} == {"decoder.1.mlp:2"}
