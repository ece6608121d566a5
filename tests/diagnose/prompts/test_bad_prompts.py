"""Prompts that nobody should type, and somebody will: a sane result or a true sentence, and never seconds of work."""

from __future__ import annotations

import time

import pytest

from tests import tiny
from tonescope.diagnose.judging.intent import intent_caveats, read_intent
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import phrases_in
from tonescope.diagnose.taxonomy import common
from tonescope.models.errors import TonescopeError

PROMPTS = {
    "one word": "house",
    "one letter": "a",
    "a refusal of nothing": "without",
    "punctuation": "?!… -- ()",
    "emoji": "🎹🎶 jazz 👩‍👩‍👧 1️⃣",
    "control characters": "\x00\x07 jazz \x1b[31mred",
    "directions and nothing": "jazz\u202e piano\u200b",
    "no space": "x" * 2_000,
    "no space, another script": "爵" * 2_000,
    "combining marks": "a\u0301" * 1_000,
    "512 tokens": "jazz " * 510,
    "512 tokens of refusals": "no jazz " * 255,
    "512 tokens of links": "with (a " * 170,
    "512 tokens of quotes": "\"'“”()" * 85,
    "512 tokens of hyphens": "non-" * 254 + "techno",
    "512 tokens of titles": "house of " * 255,
    "other scripts": "ดนตรีแจ๊ส ไม่มีกลอง, 不要鼓, ドラムなし, без ударных, हिन्दी संगीत, موسيقى بدون طبول",
    "wide letters and spaces": "ＨＯＵＳＥ\u3000music, no\u00a0drums",
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_a_prompt_of(prompt: str) -> None:
    generator, judge, taxonomy = tiny.generator(), tiny.judge(), common()
    text = generator.read_text([prompt])
    begun = time.perf_counter()
    intent = read_intent(prompt, judge, taxonomy)
    assert all(sentence.endswith(".") for sentence in intent_caveats(intent, prompt, judge))
    for phrase in phrases_in(prompt, text):
        assert prompt[phrase.start : phrase.end] == phrase.text and phrase.name
        left = without(prompt, phrase)
        assert len(left) < len(prompt) and left == left.strip()
    assert time.perf_counter() - begun < 5.0


@pytest.mark.parametrize("prompt", ["爵士乐，不要鼓", "ジャズ、ドラムなし"])
def test_refusals_in_scripts_without_spaces_are_said_not_to_be_understood(prompt: str) -> None:
    judge = tiny.judge()
    told = intent_caveats(read_intent(prompt, judge, common()), prompt, judge)
    assert any("not understood" in caveat for caveat in told)
    assert all(phrase.in_pieces for phrase in phrases_in(prompt, tiny.generator().read_text([prompt])))


def test_a_prompt_of_more_tokens_than_the_generator_reads_is_refused_in_one_sentence() -> None:
    with pytest.raises(TonescopeError, match="reads at most 512; shorten it"):
        tiny.generator().read_text(["jazz " * 511])
