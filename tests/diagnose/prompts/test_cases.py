"""Prompts that were read wrongly once, each with what is right."""

from __future__ import annotations

import pytest

from tonescope.diagnose.judging.intent import Intent, intent_caveats, read_intent
from tonescope.diagnose.prompts.leaving_out import without
from tonescope.diagnose.prompts.phrases import chunked
from tonescope.diagnose.runtime.session import Session


@pytest.fixture(scope="module")
def session() -> Session:
    return Session.open()


def labels_of(intent: Intent) -> list[str | None]:
    return [intent.label, *intent.others]


def left(prompt: str, name: str) -> str:
    return without(prompt, next(phrase for phrase in chunked(prompt) if phrase.name == name))


def names(prompt: str) -> list[str]:
    return [phrase.name for phrase in chunked(prompt)]


# --- what is refused ------------------------------------------------------------------------------------------------


def test_joyful_gospel_choir_avoid_polka_does_not_ask_for_polka(session: Session) -> None:
    intent = read_intent("joyful gospel choir, avoid polka", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.named, intent.refused) == (None, "lacking", "gospel choir", ["polka"])


def test_stop_the_polka_asks_for_nothing(session: Session) -> None:
    intent = read_intent("stop the polka", session.judge, session.taxonomy)
    assert intent.label is None and intent.refused == ["polka"]


def test_non_techno_asks_for_nothing(session: Session) -> None:
    intent = read_intent("non-techno", session.judge, session.taxonomy)
    assert intent.label is None and intent.refused == ["techno"]


def test_nothing_like_techno_asks_for_nothing(session: Session) -> None:
    intent = read_intent("nothing like techno", session.judge, session.taxonomy)
    assert intent.label is None and intent.refused == ["techno"]


def test_less_techno_more_house_asks_for_house(session: Session) -> None:
    intent = read_intent("less techno more house", session.judge, session.taxonomy)
    assert labels_of(intent) == ["house"] and intent.refused == ["techno"]


def test_ohne_polka_asks_for_nothing(session: Session) -> None:
    intent = read_intent("ohne Polka", session.judge, session.taxonomy)
    assert intent.label is None and intent.refused == ["Polka"]


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("techno? no, house", "house"),
        ("no-techno house", "house"),
        ("replace techno with blues", "blues"),
        ("swap the techno for blues", "blues"),
        ("polka is the last thing I want, blues", "blues"),
        ("ambient w/o techno", "ambient"),
        ("no techno and no house, blues", "blues"),
        ("house (no techno)", "house"),
        ("Bloß keine Polka, lieber Walzer", "waltz"),
        ("inga polka, blues", "blues"),
    ],
)
def test_refusals_of_every_kind_leave_what_is_wanted(session: Session, prompt: str, label: str) -> None:
    assert labels_of(read_intent(prompt, session.judge, session.taxonomy)) == [label]


# --- what the judge lacks, and what is no genre -----------------------------------------------------------------------


def test_gospel_choir_is_not_reggae(session: Session) -> None:
    intent = read_intent("gospel choir", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.named) == (None, "lacking", "gospel choir")


def test_reggaeton_is_not_reggae_which_is_its_nearest_relative(session: Session) -> None:
    intent = read_intent("reggaeton", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.nearest) == (None, "lacking", "reggae")
    (said,) = intent_caveats(intent, "reggaeton", session.judge)
    assert "does not know reggaeton" in said and "is reggae" in said and "--intended" in said


def test_classical_string_quartet_is_not_a_waltz(session: Session) -> None:
    intent = read_intent("classical string quartet", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.named) == (None, "lacking", "classical string quartet")


def test_acid_jazz_is_not_techno(session: Session) -> None:
    intent = read_intent("acid jazz", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.named) == (None, "lacking", "acid jazz")
    assert {"swing jazz", "smooth jazz", "jazz fusion"} <= set(intent.relatives) and "techno" not in intent.relatives


def test_piano_is_an_instrument_and_not_ragtime(session: Session) -> None:
    intent = read_intent("piano", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.confidence) == (None, "none", 0.0)


def test_i_feel_blue_is_a_mood_and_not_blues(session: Session) -> None:
    intent = read_intent("I feel blue", session.judge, session.taxonomy)
    assert (intent.label, intent.how) == (None, "none")


def test_house_of_the_rising_sun_folk_guitar_does_not_ask_for_house(session: Session) -> None:
    prompt = "house of the rising sun, folk guitar"
    assert "house" not in labels_of(read_intent(prompt, session.judge, session.taxonomy))
    assert names(prompt)[0] == "house of the rising sun"


def test_a_metal_bowl_sound_ambient_asks_for_ambient(session: Session) -> None:
    prompt = "a metal bowl sound, ambient"
    assert labels_of(read_intent(prompt, session.judge, session.taxonomy)) == ["ambient"]
    assert names(prompt) == ["metal bowl sound", "ambient"]


def test_rock_me_gently_smooth_jazz_asks_for_smooth_jazz(session: Session) -> None:
    prompt = "rock me gently, smooth jazz"
    assert labels_of(read_intent(prompt, session.judge, session.taxonomy)) == ["smooth jazz"]
    assert names(prompt) == ["rock me gently", "smooth jazz"]


def test_dark_country_rock_is_one_genre(session: Session) -> None:
    intent = read_intent("dark country rock", session.judge, session.taxonomy)
    assert (labels_of(intent), intent.named, intent.how) == (["rock"], "country rock", "nearest")
    assert names("dark country rock") == ["dark", "country rock"]


def test_electro_swing_is_one_genre(session: Session) -> None:
    intent = read_intent("electro swing", session.judge, session.taxonomy)
    assert (labels_of(intent), intent.named, intent.how) == (["swing jazz"], "electro swing", "nearest")
    assert names("electro swing") == ["electro swing"]


def test_what_is_ambiguous_is_asked_about(session: Session) -> None:
    intent = read_intent("footsteps in a house", session.judge, session.taxonomy)
    assert (intent.label, intent.how, intent.doubtful) == (None, "ambiguous", ["house"])
    assert any("--intended" in said for said in intent_caveats(intent, "footsteps in a house", session.judge))


# --- phrases ----------------------------------------------------------------------------------------------------------


def test_no_drums_is_one_phrase() -> None:
    assert names("solo cello, no drums") == ["solo cello", "no drums"]
    assert left("solo cello, no drums", "no drums") == "solo cello"


def test_78_bpm_is_one_phrase() -> None:
    assert names("techno, 78 BPM") == ["techno", "78 BPM"]
    assert left("techno at 78 BPM", "78 BPM") == "techno"


def test_four_four_is_one_phrase() -> None:
    assert names("techno in 4/4") == ["techno", "4/4"]
    assert left("techno in 4/4, dark", "4/4") == "techno, dark"


def test_key_of_a_minor_is_one_phrase() -> None:
    assert names("key of A minor, slow") == ["key of A minor", "slow"]
    assert left("waltz in the key of A minor", "A minor") == "waltz"


def test_a_minor_is_one_phrase() -> None:
    assert names("waltz in A minor") == ["waltz", "A minor"]


def test_blues_with_horns_live_reads_well_without_any_of_them() -> None:
    prompt = "Blues, with horns. Live."
    assert [left(prompt, name) for name in ("Blues", "horns", "Live")] == [
        "Horns. Live.",
        "Blues. Live.",
        "Blues, with horns.",
    ]


def test_country_rock_is_one_phrase() -> None:
    assert names("country rock with fiddle") == ["country rock", "fiddle"]


def test_saxophone_solo_is_one_phrase() -> None:
    assert names("smooth jazz, saxophone solo") == ["smooth jazz", "saxophone solo"]


def test_with_accordion_is_left_out_with_its_link() -> None:
    assert [phrase.text for phrase in chunked("lo-fi beats with accordion")] == ["lo-fi beats", "with accordion"]
    assert left("lo-fi beats with accordion", "accordion") == "lo-fi beats"
