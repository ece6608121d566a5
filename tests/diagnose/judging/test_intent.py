"""What a prompt asks for, refuses, or leaves open."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch

from tests import tiny
from tonescope.diagnose.judging.genre_names import key_of, names_in, vocabulary
from tonescope.diagnose.judging.intent import Intent, intent_caveats, read_intent
from tonescope.diagnose.judging.verdict import decide, summary
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.taxonomy import Taxonomy, common
from tonescope.models.judges.calibration import MeaningRecord
from tonescope.models.judges.clap import Clap


@pytest.fixture(scope="module")
def session() -> Session:
    return Session.open()


def read(session: Session, prompt: str) -> Intent:
    return read_intent(prompt, session.judge, session.taxonomy)


REFUSING = [
    "joyful gospel choir, avoid polka",
    "stop the polka",
    "non-techno",
    "nothing like techno",
    "less techno more house",
    "ohne Polka",
    "sans techno",
    "sin reggae",
    "senza techno",
    "sem techno",
    "zonder techno",
    "bitte keine Polka",
    "pas de techno mais du blues",
    "nada de techno, blues",
    "niente polka",
    "não quero polka",
    "geen polka maar house",
    "not techno but blues",
    "anything but techno",
    "no more polka",
    "I hate polka",
    "I don't want techno",
    "techno-free",
    "polka is not wanted",
    "more house than techno",
    "mehr House als Techno",
    "lieber House statt Techno",
    "no ragtime, polka or techno",
    "neither techno nor polka",
    "blues instead of techno",
    "house rather than techno",
    "everything except techno",
    "without any cheesy techno",
    "Polka vermeiden",
    "plutôt du blues que de la polka",
    "please don't play techno",
    "avoid using techno",
    "no cheesy 90s techno please, blues",
    "absolutely no techno",
    "rock, but not techno",
    "house, nothing techno",
    "polka? no thanks, blues",
    "Polka, nein danke",
]


@pytest.mark.parametrize("prompt", REFUSING)
def test_what_is_refused_is_not_asked_for(session: Session, prompt: str) -> None:
    found = read(session, prompt)
    assert not {"techno", "polka", "reggae", "ragtime"} & {found.label, *found.others}


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("less techno more house", "house"),
        ("not jazz but blues", "blues"),
        ("keine Polka, sondern Walzer", "waltz"),
        ("pas de techno mais du blues", "blues"),
        ("geen polka maar house", "house"),
        ("no drums jazz fusion", "jazz fusion"),
        ("don't stop the techno", "techno"),
        ("never stop the house music", "house"),
        ("nothing but techno", "techno"),
        ("not only techno", "techno"),
        ("non-stop techno", "techno"),
        ("no vocals, techno", "techno"),
        ("techno without drums", "techno"),
        ("free jazz no, techno yes, techno", "techno"),
    ],
)
def test_what_stands_beside_a_refusal_is_asked_for(session: Session, prompt: str, label: str) -> None:
    assert read(session, prompt).label == label


def test_a_refusal_that_can_mean_its_opposite_is_asked_about(session: Session) -> None:
    found = read(session, "plus de techno")
    assert (found.label, found.how, found.doubtful) == (None, "ambiguous", ["techno"])
    assert any("--intended" in caveat for caveat in intent_caveats(found, "plus de techno", session.judge))


def test_refusals_in_another_script_are_said_not_to_be_understood(session: Session) -> None:
    prompt = "без техно, techno"
    assert any("not understood" in caveat for caveat in intent_caveats(read(session, prompt), prompt, session.judge))
    assert not intent_caveats(read(session, "techno, café"), "techno, café", session.judge)


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("gospel choir", "gospel choir"),
        ("reggaeton", "reggaeton"),
        ("reggaetón lento", "reggaetón"),
        ("classical string quartet", "classical string quartet"),
        ("acid jazz", "acid jazz"),
        ("bachata", "bachata"),
        ("salsa with congas", "salsa"),
        ("UK drill", "UK drill"),
        ("klezmer clarinet", "klezmer"),
        ("k-pop", "k-pop"),
    ],
)
def test_a_genre_the_judge_lacks_is_said_to_be_lacking(session: Session, prompt: str, named: str) -> None:
    found = read(session, prompt)
    assert (found.label, found.how, found.named) == (None, "lacking", named)
    assert any(f"does not know {named}" in caveat for caveat in intent_caveats(found, prompt, session.judge))
    assert "names no genre" not in found.why_open


def test_the_nearest_relative_of_a_lacking_genre_is_named_and_not_compared_with(session: Session) -> None:
    found = read(session, "reggaeton")
    assert (found.label, found.nearest) == (None, "reggae")
    assert set(read(session, "acid jazz").relatives) >= {"swing jazz", "smooth jazz", "jazz fusion"}


@pytest.mark.parametrize(
    "prompt",
    ["piano", "I feel blue", "sad guitar", "violin solo", "slow and calm", "happy", "808 drums", "so lonely"],
)
def test_an_instrument_or_a_mood_is_no_genre(session: Session, prompt: str) -> None:
    assert read(session, prompt).label is None and read(session, prompt).how == "none"


@pytest.mark.parametrize(
    ("prompt", "label"),
    [
        ("house of the rising sun, folk guitar", None),
        ("a metal bowl sound, ambient", "ambient"),
        ("rock me gently, smooth jazz", "smooth jazz"),
        ("welcome to the jungle, blues", "blues"),
        ("a song called 'Heavy Metal Polka', blues", "blues"),
        ("children on a swing set", None),
        ("polka dots and moonbeams, smooth jazz", "smooth jazz"),
        ("warehouse", None),
        ("mood swings", None),
        ("metal pipe falling", None),
        ("ambient noise of a machine", None),
        ("classical guitar", None),
        ("disco ball spinning slowly tonight", None),
        ("trance-like state", None),
        ("daft punk", None),
        ("take me home, country roads", None),
    ],
)
def test_words_that_are_something_else_name_no_genre(session: Session, prompt: str, label: str | None) -> None:
    assert read(session, prompt).label == label


@pytest.mark.parametrize("prompt", ["in the jungle at night", "footsteps in a house", "my soul", "the metal roof"])
def test_what_is_ambiguous_is_asked_and_not_guessed(session: Session, prompt: str) -> None:
    found = read(session, prompt)
    assert found.label is None and found.how == "ambiguous"
    labels = session.judge.labels
    heard = summary(torch.eye(len(labels))[:1].expand(8, -1), labels, session.taxonomy)
    verdict = decide(found, heard, session.judge.record, session.taxonomy)
    assert verdict.kind == "open" and "cannot be told" in verdict.sentence
    assert any("--intended" in caveat for caveat in intent_caveats(found, prompt, session.judge))


@pytest.mark.parametrize(
    ("prompt", "named", "label"),
    [
        ("dark country rock", "country rock", "rock"),
        ("electro swing", "electro swing", "swing jazz"),
        ("Electro-Swing", "Electro-Swing", "swing jazz"),
        ("melodic death metal", "melodic death metal", "metal"),
        ("liquid funk", "liquid funk", "drum and bass"),
        ("tech house", "tech house", "house"),
        ("dub techno", "dub techno", "techno"),
        ("ambient jungle", "ambient jungle", "drum and bass"),
        ("lovers rock", "lovers rock", "reggae"),
        ("bossa nova jazz", "bossa nova jazz", "bossa nova"),
    ],
)
def test_a_genre_of_several_words_is_one_genre(session: Session, prompt: str, named: str, label: str) -> None:
    found = read(session, prompt)
    assert (found.label, found.how, found.named, found.others) == (label, "nearest", named, [])
    assert found.nearest == label
    assert any("does not know" in caveat for caveat in intent_caveats(found, prompt, session.judge))


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("dark country rock", "country rock (compared with rock, the nearest that the judge knows)"),
        ("blade runner skyline synths", "synthwave (read from the prompt’s meaning)"),
        ("dark techno", "techno"),
    ],
)
def test_the_verdict_says_what_was_asked_for_and_what_it_was_compared_with(
    session: Session, prompt: str, asked: str
) -> None:
    labels = session.judge.labels
    heard = summary(torch.eye(len(labels))[:1].expand(8, -1), labels, session.taxonomy)
    verdict = decide(read(session, prompt), heard, session.judge.record, session.taxonomy)
    assert verdict.sentence.startswith(f"You asked for {asked}; 8 of 8 takes are heard as")


@pytest.mark.parametrize(
    ("prompt", "named", "label"),
    [
        ("jazz suave con piano", "jazz suave", "smooth jazz"),
        ("rock alternativo", "rock alternativo", "rock"),
        ("rock psychédélique, sans batterie", "rock psychédélique", "rock"),
        ("house profundo", "house profundo", "house"),
        ("house française", "house française", "house"),
        ("techno minimal", "techno minimal", "techno"),
        ("metal gótico", "metal gótico", "metal"),
        ("rock en español", "rock en español", "rock"),
        ("punk rock italiano", "punk rock", "rock"),
        ("jazz libre", "jazz libre", None),
        ("jazz latino", "jazz latino", None),
    ],
)
def test_an_adjective_after_the_noun_is_of_the_name(
    session: Session, prompt: str, named: str, label: str | None
) -> None:
    found = read(session, prompt)
    assert (found.named, found.label, found.others) == (named, label, [])


@pytest.mark.parametrize("prompt", ["stop the polka", "ohne Polka", "nothing like polka"])
def test_a_prompt_that_only_refuses_says_so(session: Session, prompt: str) -> None:
    found = read(session, prompt)
    assert [name.casefold() for name in found.refused] == ["polka"]
    assert "what it does not want" in found.why_open


@pytest.mark.parametrize("prompt", ["drum & bass", "Drum'n'Bass", "drum-n-bass", "DnB", "drum and bass music", "d&b"])
def test_spellings_are_one_name(session: Session, prompt: str) -> None:
    assert read(session, prompt).label == "drum and bass"


@pytest.mark.parametrize("prompt", ["lo-fi", "lofi", "Lo Fi", "LOFI beats", "lo-fi hiphop", "lo-fi hip-hop"])
def test_spellings_of_lo_fi_are_one_name(session: Session, prompt: str) -> None:
    assert read(session, prompt).label == "lo-fi hip hop"


@pytest.mark.parametrize(
    ("prompt", "label"), [("Technomusik", "techno"), ("langsamer Walzer", "waltz"), ("une valse lente", "waltz")]
)
def test_words_of_other_languages_are_names_too(session: Session, prompt: str, label: str) -> None:
    assert read(session, prompt).label == label


def test_a_judge_that_knows_a_genre_is_not_told_it_lacks_it() -> None:
    judge, taxonomy = tiny.judge(), common()
    for genre in taxonomy.genres:
        for name in (genre.label, *genre.aliases):
            found = [entry.parts[0] for entry in names_in(name, taxonomy)[1]]
            assert found == [genre.label], name
    assert read_intent("gospel", judge, taxonomy).how == "lacking"  # in the taxonomy, and no label of this judge


def certain(record: MeaningRecord | None = MeaningRecord(read=20, right=15, scenes=10, scenes_read=2)) -> Clap:
    """A judge that always reads something, with or without a record of how often that was right."""
    judge = tiny.judge()
    judge.calibration = replace(judge.calibration, meaning_threshold=0.0, meaning_record=record)
    return judge


def test_a_meaning_is_claimed_only_by_a_judge_that_was_measured_at_it() -> None:
    prompt = "rainy evening driving home"
    assert read_intent(prompt, certain(), Taxonomy(())).how == "meaning"
    unmeasured = certain(None)
    found = read_intent(prompt, unmeasured, Taxonomy(()))
    assert (found.label, found.how, found.confidence) == (None, "none", 0.0)
    assert any("was not measured" in caveat for caveat in intent_caveats(found, prompt, unmeasured))


def test_the_sentence_says_how_far_a_meaning_was_measured() -> None:
    prompt, judge = "rainy evening driving home", certain()
    said = " ".join(intent_caveats(read_intent(prompt, judge, Taxonomy(())), prompt, judge))
    assert "15 of 20" in said and "2 of 10" in said and "--intended" in said and "%" not in said


def test_the_embedded_judge_was_measured_at_reading_meaning(session: Session) -> None:
    record = session.judge.meaning_record
    assert record is not None and record.read >= 50 and record.right / record.read >= 0.75
    assert record.scenes_read <= 0.2 * record.scenes
    found = read(session, "blade runner skyline synths")
    assert (found.how, found.label) == ("meaning", "synthwave")


@pytest.mark.parametrize("prompt", ["jaco pastorius", "robert johnson selling his soul", "Музыка для видео о природе"])
def test_names_of_people_and_other_scripts_are_not_guessed_at(session: Session, prompt: str) -> None:
    assert read(session, prompt).label is None


def test_meaning_is_not_read_beside_a_name_or_from_few_words() -> None:
    judge, taxonomy = certain(), Taxonomy(())
    assert read_intent("rainy evening driving home", judge, taxonomy).how == "meaning"
    for prompt in ("piano", "evening", "rainy evening driving home, no polka", "rainy evening driving home, salsa"):
        assert read_intent(prompt, judge, taxonomy).how != "meaning"


def test_the_tree_has_no_circles_and_no_parents_without_a_name() -> None:
    known = vocabulary()
    for name in known.names.values():
        kinds = known.kinds(name)
        assert len(kinds) == len(set(kinds)) < 30
        assert all(key_of(kind) for kind in kinds)
    assert len(known.names) > 1500


@pytest.mark.parametrize("prompt", ["", " ", "?!", "&", "n", "'", "no", "no,", "house " * 400, "音楽", "🎵", "-"])
def test_odd_prompts_are_read_without_a_fall(session: Session, prompt: str) -> None:
    start = time.perf_counter()
    read(session, prompt)
    assert time.perf_counter() - start < 5
