"""The page: what its functions give for what is typed, without a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest

from tests import tiny
from tests.diagnose.report import shown as views_of
from tonescope.diagnose.report.sounds import Players, Sounds
from tonescope.diagnose.report.view import Sound, View
from tonescope.diagnose.runtime.session import Session
from tonescope.ui import server
from tonescope.ui.pages import diagnose
from tonescope.ui.workshop import Workshop


@pytest.fixture(scope="module")
def session() -> Session:
    return tiny.session()


def typed(page: gr.Blocks, *values: Any) -> dict[Any, Any]:
    """What is typed into the fields of a page, from the first to the last."""
    inputs = next(block.inputs for block in page.fns.values() if block.fn is not None and block.fn.__name__ == "run")
    return dict(zip(inputs, values, strict=True))


@pytest.fixture(scope="module")
def run(session: Session) -> Callable[..., list[Any]]:
    page = server.build(Workshop(session))
    found = [block for block in page.fns.values() if block.fn is not None and block.fn.__name__ == "run"]
    assert len(found) == 1

    def call(*inputs: Any) -> list[Any]:
        values = found[0].fn(typed(page, *inputs))
        assert len(values) == len(found[0].outputs)
        return values

    return call


def components(shown: diagnose.Shown | None, kind: type[Any] = gr.components.Component) -> list[Any]:
    """What is put on the page for views, in its order."""
    with gr.Blocks() as page:
        diagnose.show(shown)
    return [block for block in page.blocks.values() if isinstance(block, kind)]


def test_a_diagnosis_fills_every_part_of_the_page(run: Callable[..., list[Any]]) -> None:
    shown, data, _ = run("smooth <b>jazz</b>", 2, 0.5, 1, 3.0, "", "house")
    players = components(shown, gr.Audio)
    assert len(players) == 2 * (5 + 2 + 1)  # to hear the difference; what the set is put into; as heard first
    assert all(wave.shape == (800,) for _, (_, wave) in shown.clips.values())
    labels = [player.label for player in players]
    assert labels[0].startswith("Take 3, as it is: ") and " muted: " in labels[1]  # side by side, on the same noise
    assert any(name.startswith("Take 1, as generated: ") for name in labels)
    assert data["intended"]["label"] == "house" and data["prompt"] == "smooth <b>jazz</b>"
    assert len(components(shown, gr.Plot)) == 5
    text = "".join(str(part.value) for part in components(shown, gr.HTML))
    assert text.count("<table>") == 6 and "0.0–0.5" in text and "What to try next" in text
    folds = [fold.label for fold in components(shown, gr.Accordion)]
    assert "Words" in folds and "How to read the numbers" in folds and "Hear it" not in folds
    for unit in data["drivers"]["units"]:
        assert f"<code>{unit['unit']}</code>" in text


def test_nothing_is_shown_before_anything_is_found() -> None:
    assert components(None) == []


def test_a_report_that_no_code_knows_appears_on_the_page(session: Session) -> None:
    sets = {name: session.generator.generate(["house"], [1], 0.5) for name in ("slow", "fast")}
    shown = diagnose.Shown.of(views_of.toy_views(), Players(Sounds(session.generator), sets))
    text = "".join(str(part.value) for part in components(shown, gr.HTML))
    for part in ("Audit of tempo", "tempo comes in time.", "tempo on a card.", "A note on tempo.", "tempo in numbers."):
        assert part in text
    assert [player.label for player in components(shown, gr.Audio)] == [
        "Take 1, slow tempo: heard as tempo",
        "Take 1, fast",
    ]
    assert len(components(shown, gr.Plot)) == 1


def test_a_label_with_markdown_is_no_image_on_the_page(session: Session) -> None:
    sets = {name: session.generator.generate(["house"], [1], 0.5) for name in ("slow", "fast")}
    shown = diagnose.Shown.of(views_of.toy_views(views_of.BEACON), Players(Sounds(session.generator), sets))
    assert components(shown, gr.Markdown) == []  # where a label could become an image or a link
    text = "".join(str(part.value) for part in components(shown, gr.HTML))
    assert "<img" not in text and text.count("![x](https://example.org/x) &lt;img src=x&gt;") >= 8


def test_the_page_keeps_the_sound_of_the_first_takes_only(session: Session) -> None:
    takes = session.generator.generate(["house"] * 6, list(range(6)), 0.5)
    view = View("many", "Many", sounds=[[Sound("one", "all", row)] for row in range(6)])
    shown = diagnose.Shown.of([view], Players(Sounds(session.generator), {"all": takes}))
    assert len(shown.clips) == diagnose.SHOWN_TAKES == len(components(shown, gr.Audio))
    assert "first 4 of 6" in components(shown, gr.HTML)[-1].value


def test_an_empty_seed_is_the_first(run: Callable[..., list[Any]]) -> None:
    assert run("house", 1, 0.5, None, 3.0, None, None)[-2]["settings"]["seed"] == 1


def test_what_cannot_be_done_is_said_and_escaped(run: Callable[..., list[Any]]) -> None:
    with pytest.raises(gr.Error, match="prompt is empty"):
        run(" ", 2, 0.5, 1, 3.0, "", "")
    with pytest.raises(gr.Error, match="&lt;i&gt;"):
        run("house", 2, 0.5, 1, 3.0, "<i>", "")


def test_a_bound_on_memory_holds_on_the_page(session: Session) -> None:
    page = server.build(Workshop(session, 1e-7))
    run = next(block.fn for block in page.fns.values() if block.fn is not None and block.fn.__name__ == "run")
    assert run is not None
    with pytest.raises(gr.Error, match="needs about"):
        run(typed(page, "house", 1, 0.5, 1, 3.0, "", ""))


def test_stop_ends_the_work_and_not_only_the_waiting(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    page = server.build(Workshop(session))
    named = {block.fn.__name__: block.fn for block in page.fns.values() if block.fn is not None}
    stages: list[str] = []

    class Telling(gr.Progress):
        def __call__(self, progress: Any, desc: str | None = None, **_: Any) -> None:
            stages.append(str(desc))
            named["halt"]()

    arguments = typed(page, "house", 1, 0.5, 1, 3.0, "", "")
    with pytest.raises(gr.Error, match="was stopped"):
        named["run"](arguments, progress=Telling())
    assert len(stages) == 1
    assert named["run"](arguments)[-2]["prompt"] == "house"  # the next one is not stopped
