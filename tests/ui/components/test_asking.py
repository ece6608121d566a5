"""What is asked on by a click: words of tags, and lines of lyrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests import tiny
from tests.models.families.ace_step import tiny_ace_step
from tonescope.models.loading import load_generator
from tonescope.ui.components import asking
from tonescope.ui.components.prompt_feedback import PromptFeedback

PROMPT = "smooth jazz, piano\n[verse]\nslow house music\nwith a song"


def test_case_a_line_of_lyrics_is_left_out_by_its_button(tmp_path: Path) -> None:
    session = replace(tiny.session(), generator=load_generator(str(tiny_ace_step.save(tmp_path / "model"))))
    feedback = PromptFeedback(session)
    kept = SimpleNamespace(content=lambda name: SimpleNamespace(result={}))
    workshop: Any = SimpleNamespace(feedback=feedback, workspace=kept)
    run: Any = SimpleNamespace(name="one", parameters={"prompt": PROMPT})
    phrases = feedback.phrases(PROMPT)
    line = next(phrase for phrase in phrases if phrase.kind == "lyrics")
    job, given = asking._word(workshop, run, "word", f"{line.start}:{line.end}")
    assert job == "diagnose" and given["prompt"] == "smooth jazz, piano\n[verse]\nwith a song"
    tag = next(phrase for phrase in phrases if phrase.text == "piano")
    _, given = asking._word(workshop, run, "word", f"{tag.start}:{tag.end}")
    assert given["prompt"].startswith("smooth jazz") and "slow house music" in given["prompt"]
