"""Designs: what they say, what their prompts are, and what no design can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tonescope.diagnose.audit.design import WORDS, design_of, prompt_of, read_design
from tonescope.models.errors import TonescopeError

PLAIN = "name: x\nfactors: {genres: [house]}\n"


def test_the_default_design_is_a_design_of_every_kind_of_prompt() -> None:
    design = read_design(None)
    assert design.genres is None and {"instruments", "tempos", "moods"} <= set(design.words)
    assert len(design.neutral) >= 2 and len(design.wordings) >= 2 and design.reference.shares == "equal"


def test_a_prompt_says_every_level_once_and_no_more() -> None:
    factors = ", ".join(f"{name}: [{name}level]" for name in WORDS)
    design = design_of(f"name: x\nfactors: {{genres: [house], {factors}}}\nwordings: ['{{genre}} music']", "x")
    levels = {name: f"{name}level" for name in design.words}
    prompt = prompt_of(design, "house", 0, levels)
    assert prompt.startswith("house music") and all(prompt.count(level) == 1 for level in levels.values())
    assert prompt_of(design, "house", 0, dict.fromkeys(levels, "")) == "house music"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x\nfactors: {genres: [house], tempo: [slow]}", "has the factor tempo, which an audit does not know"),
        ("name: x\nfactors: {genre: [house], zodiac: [aries]}", "has the factors genre, zodiac"),
        ("name: x", "has no factors"),
        ("- house", "holds no design"),
        ("", "holds no design"),
        ("name: [", "is no YAML"),
        ("a: &a [1]\nb: *a", "aliases"),
        (PLAIN + "take: 3", "says “take”, which is no part of a design"),
        (PLAIN + "takes: 0", "takes: input should be greater"),
        (PLAIN + "takes: .nan", "takes"),
        (PLAIN + "seconds: 1000", "seconds"),
        (PLAIN + "neutral: [music]", "neutral"),
        (PLAIN + "wordings: [house]", "without one {genre}"),
        (PLAIN + "neutral: [music, Music]", "has a neutral prompt twice"),
        (PLAIN + "thresholds: {lowest_adherence: 2}", "lowest_adherence"),
        (PLAIN + "thresholds: {best: 1}", "best"),
        (PLAIN + "about: {poem: x}", "poem"),
        (PLAIN + "reference: {name: n, shares: {house: 0.9, jazz: 0.6}}", "add up to 1.5"),
        ("name: x\nfactors: {genres: []}", "names no genre"),
        ("name: x\nfactors: {genres: [house, House]}", "names “House” twice"),
        ("name: x\nfactors: {genres: [house], moods: all}", "which only genres can be"),
        ("name: x\nfactors: {genres: [house], moods: [a, a]}", "names “a” twice among moods"),
    ],
    ids=lambda value: value[:40].replace("\n", " "),
)
def test_what_no_design_can_say_gets_one_sentence(text: str, told: str) -> None:
    with pytest.raises(TonescopeError) as refused:
        design_of(text, "d.yaml")
    assert told in str(refused.value) and "\n" not in str(refused.value)


def test_files_that_hold_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.yaml").write_bytes(b"#" * 1_000_001)
    for name, told in (("binary.yaml", "UTF-8"), ("large.yaml", "too large"), (".", "names no file"), ("x", "no file")):
        with pytest.raises(TonescopeError, match=told):
            read_design(Path(name) if name == "." else tmp_path / name)
