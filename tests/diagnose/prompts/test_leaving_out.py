"""The prompt without a phrase reads well."""

from __future__ import annotations

import random
import time

import pytest
import regex

from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import chunked


def rest(prompt: str, name: str) -> str:
    return without(prompt, next(phrase for phrase in chunked(prompt) if phrase.name == name))


@pytest.mark.parametrize(
    ("prompt", "name", "left"),
    [
        ("solo cello, no drums", "no drums", "solo cello"),
        ("Blues, with horns. Live.", "horns", "Blues. Live."),
        ("Blues, with horns. Live.", "Blues", "Horns. Live."),
        ("techno at 78 BPM in 4/4", "78 BPM", "techno in 4/4"),
        ("techno at 78 BPM in 4/4", "4/4", "techno at 78 BPM"),
        ("waltz in the key of A minor, slow", "A minor", "waltz, slow"),
        ("lo-fi beats with accordion", "accordion", "lo-fi beats"),
        ("lo-fi beats with accordion", "lo-fi beats", "accordion"),
        ("drums (funky) solo", "funky", "drums solo"),
        ("jazz, house (deep), funk", "house", "jazz (deep), funk"),
        ("house/drums", "house", "drums"),
        ("jazz, house, funk", "house", "jazz, funk"),
        ("drums, bass and piano", "bass", "drums and piano"),
        ("drums, bass and piano", "piano", "drums and bass"),
        ("drums, bass, and piano", "bass", "drums and piano"),
        ("drums, bass, keys and piano", "piano", "drums, bass and keys"),
        ("with drums, bass and piano", "drums", "with bass and piano"),
        ("a song with piano and drums", "drums", "a song with piano"),
        ("a song with piano and drums", "piano", "a song with drums"),
        ("a funky electro track", "funky", "an electro track"),
        ("an epic techno track with horns", "techno track", "epic with horns"),
        ("house", "house", ""),
        ("A calm song. With strings.", "calm", "A song. With strings."),
        ("not jazz but blues", "not jazz", "blues"),
        ("- piano\n- drums\n- bass", "drums", "- piano\n- bass"),
        ('jazz, "piano", slow', "piano", "jazz, slow"),
    ],
)
def test_a_prompt_without_a_phrase(prompt: str, name: str, left: str) -> None:
    assert rest(prompt, name) == left


NOUNS = (
    "techno",
    "solo cello",
    "drum and bass",
    "no drums",
    "78 BPM",
    "A minor",
    "saxophone solo",
    "dark",
    "zzz",
    "4/4",
    "(funky)",
    "[live]",
    "(dark, slow)",
    "(with horns)",
    '"so what"',
    "“house of the rising sun”",
    "an old piano",
    "rock me gently",
    "1980s",
)
JOINTS = (
    *(", ", " with ", " and ", ". ", " in ", "; ", " – ", " ", ", with a ", " but ", ", and ", " of "),
    *(" + ", "/", " featuring ", " or ", ": ", "\n"),
)
LINK = r"(?:with|and|but|of|in|a|an|the|or|featuring)"
DANGLING = (
    rf"\b{LINK}\s*(?:[.,;:)\]”\n]|–|$)",  # a link that leads nowhere
    r"(?:^|[\[(“–/:+.;\n]\s*)(?:and|but|or|of)\b",  # one that comes from nowhere
    r"\b(?:with|and|or|but|of|in) (?:and|or|but|of|in)\b|\b(and|with|in|of) \1\b|\ban? (?:and|with|in|of|a)\b",
)
BROKEN = (
    r"[,;.:]\s*[,;.:]|[–+/]\s*[–+/]|\s[,;.:]|  ",  # doubled, or after a space
    r"^[,;.:)\]–+/]|[,;:–+/(\[]$",  # at an end
    r"\(\s*\)|\[\s*\]|“\s*”|[(\[“]\s*[,;.]|[,;]\s*[)\]”]",  # around nothing
)


def fault(text: str) -> str | None:
    """What does not read well in a prompt."""
    found = (regex.search(pattern, text, regex.IGNORECASE) for pattern in (*DANGLING, *BROKEN))
    return next((match.group() for match in found if match), None)


def made_up_prompts(count: int) -> list[str]:
    """Prompts of nouns, brackets and quotes with every joint between them, as long as they read well."""
    draw = random.Random(0)
    made: list[str] = []
    while len(made) < count:
        parts = [draw.choice(NOUNS)]
        for _ in range(draw.randrange(1, 4)):
            parts += [draw.choice(JOINTS), draw.choice(NOUNS)]
        if not fault("".join(parts)):
            made.append("".join(parts))
    return made


def test_no_phrase_leaves_links_hanging_or_punctuation_doubled() -> None:
    for prompt in made_up_prompts(1500):
        for phrase in chunked(prompt):
            left = without(prompt, phrase)
            assert not fault(left), (prompt, phrase.text, left)
            assert left.count("(") == left.count(")") and left.count('"') % 2 == 0, (prompt, phrase.text, left)


def test_the_property_test_sees_what_does_not_read_well() -> None:
    for text in (
        "jazz with",
        "jazz, . live",
        "and drums",
        "a with horns",
        "piano  solo",
        "()",
        "jazz – and funk",
        "in (",
        "/4",
    ):
        assert fault(text), text


def test_a_link_before_a_bracket_goes_with_its_noun() -> None:
    assert rest("jazz with (funky) piano", "(funky) piano") == "jazz"
    assert rest("jazz with (funky) piano", "jazz") == "(funky) piano"
    assert rest("with (funky) piano and drums", "drums") == "with (funky) piano"
    assert rest("jazz with (very slow) (felt) piano, live", "(very slow) (felt) piano") == "jazz, live"
    assert rest("jazz with 🎹 piano, live", "piano") == "jazz, live"


def test_an_adjective_that_lost_its_noun_stands_alone() -> None:
    assert rest("solo over a slow blues in C", "blues") == "solo, slow in C"
    assert rest("an upbeat 120bpm techno track with horns", "techno track") == "upbeat 120bpm with horns"


@pytest.mark.parametrize(
    ("prompt", "name", "left"),
    [
        ("a light and cheerful techno track", "light", "a cheerful techno track"),
        ("a light and cheerful techno track", "cheerful", "a light techno track"),
        ("a fast, dark techno track", "fast", "a dark techno track"),
        ("a fast, dark techno track", "dark", "a fast techno track"),
        ("a slow, epic techno track", "slow", "an epic techno track"),
        ("slow, sad, and quiet piano", "quiet", "slow, sad, piano"),
        ("drums and dark piano", "dark", "drums and piano"),
    ],
)
def test_of_several_adjectives_one_is_left_out(prompt: str, name: str, left: str) -> None:
    assert rest(prompt, name) == left


def test_a_refusal_that_lost_its_neighbour_keeps_its_own_words() -> None:
    assert rest("techno track with heavy bass and no vocals", "heavy bass") == "techno track, no vocals"
    assert rest("jazz, with strings but without percussion", "strings") == "jazz, without percussion"
    assert rest("techno with no drums and no bass", "no drums") == "techno with no bass"
    assert rest('a rock song, no "drums", live', 'no "drums"') == "a rock song, live"


@pytest.mark.parametrize("part", ["piano, ", "no ", "with (", '"a ', "drums and ", "爵", "(a ", "- piano\n", "of "])
def test_leaving_out_every_phrase_of_a_long_prompt_is_quick(part: str) -> None:
    prompt = (part * 4_000)[:4_000]  # some 512 tokens and more
    begun = time.perf_counter()
    for phrase in chunked(prompt):
        without(prompt, phrase)
    assert time.perf_counter() - begun < 5.0


@pytest.mark.parametrize("prompt", ["爵士，钢琴", "ジャズ piano と", "'90s — «jazz» 🎹"])
def test_other_scripts_and_signs_are_left_out_whole(prompt: str) -> None:
    for phrase in chunked(prompt):
        assert phrase.name not in without(prompt, phrase)
