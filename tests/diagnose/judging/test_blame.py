"""The blame goes where the confusion was planted."""

from __future__ import annotations

import pytest
import torch

from tests import tiny
from tests.diagnose.report import made_up
from tonescope.diagnose.judging.blame import Finding, bare_word, place_blame, text_similarities
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.verdict import Verdict
from tonescope.diagnose.schema import Blame, Contrast, ReferenceClips, SoundChange, Trial
from tonescope.diagnose.stats import effect
from tonescope.models.generator import Generator
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.judges.clap import Clap
from tonescope.models.judges.judge import Judge

LABELS = tuple(row["label"] for row in tiny.ROWS)
ASKED, HEARD = "house", "smooth jazz"
INTENT = Intent(label=ASKED, how="named", confidence=1.0)
DRIFT = Verdict(kind="family drift", sentence="", matched=None, judge_error=None)
MATCH = Verdict(kind="match", sentence="", matched=None, judge_error=None)


@pytest.fixture
def generator() -> Generator:
    return tiny.generator()


def judge(misheard: int, clips: int = 30) -> Clap:
    found = tiny.judge()
    table = [[clips * (i == j) for j in range(len(LABELS))] for i in range(len(LABELS))]
    table[LABELS.index(ASKED)][LABELS.index(ASKED)] -= misheard
    table[LABELS.index(ASKED)][LABELS.index(HEARD)] += misheard
    found.record = ConfusionRecord(LABELS, tuple(map(tuple, table)), tuple(map(tuple, table)), 0.0)
    return found


def place(
    generator: Generator,
    listener: Judge,
    prompt: str = ASKED,
    verdict: Verdict = DRIFT,
    *,
    bare: Trial | None = None,
    untouched: int = 0,
    known: ReferenceClips | None = None,
) -> Blame:
    """``untouched`` of eight takes are heard as what was asked under the prompt itself."""
    heard = [ASKED] * untouched + [HEARD] * (8 - untouched)
    contrast = Contrast(target=HEARD, foil=ASKED)
    return place_blame(Finding(prompt, INTENT, contrast, verdict, bare, heard, known), generator, listener)


def bare(right: int, total: int = 8, q: float | None = 0.01) -> Trial:
    """What came of the genre word alone: so many takes heard as it."""
    change = SoundChange(level_db=effect([0.0]), spectrum_db=effect([0.0]), onsets=effect([0.0]), broke=False)
    heard = {ASKED: right, HEARD: total - right}
    return Trial(
        variant="bare", prompt=ASKED, effect=effect([0.0]), q=q, flips=right, flippable=total, heard=heard, sound=change
    )


def test_without_a_drift_nothing_is_blamed(generator: Generator) -> None:
    assert place(generator, judge(0), verdict=MATCH).where == "nowhere"


@pytest.mark.parametrize(("kind", "where"), [("unclear", "decoder"), ("match", "nowhere"), ("open", "nowhere")])
def test_where_no_one_genre_came_what_was_found_by_muting_says_where_it_is_made(
    generator: Generator, kind: str, where: str
) -> None:
    cause = made_up.group(["decoder.1.mlp:5"], "alone", made_up.trial(4, {ASKED: 4}))
    verdict = MATCH.model_copy(update={"kind": kind})
    contrast = Contrast(target=HEARD, foil=ASKED)
    found = place_blame(Finding(ASKED, INTENT, contrast, verdict, None, [HEARD] * 4, cause=cause), generator, judge(0))
    assert found.where == where and found.location == (None if where == "nowhere" else "decoder.1.mlp")
    assert ("4 of 4 takes are no longer heard as smooth jazz" in found.sentence) is (where == "decoder")
    few = cause.model_copy(update={"found_by": "gradients"})
    unsure = Finding(ASKED, INTENT, contrast, verdict, None, [HEARD] * 4, cause=few)
    assert place_blame(unsure, generator, judge(0)).where == "nowhere"


def test_the_users_own_clips_count_for_more_than_the_judges_record(generator: Generator) -> None:
    known = ReferenceClips(clips=10, clean={ASKED: 10}, reconstructed={HEARD: 9, ASKED: 1})
    listener = judge(0)
    found = place(generator, listener, known=known)
    assert found.where == "codec and judge"
    assert "0 of 10 (0–28 %) as smooth jazz as they are, and 9 of 10 (60–98 %) through the codec" in found.sentence
    listener.record = None
    clear = ReferenceClips(clips=10, clean={ASKED: 10}, reconstructed={ASKED: 10})
    assert place(generator, listener, known=clear).where == "decoder"


def test_too_few_known_clips_neither_blame_nor_clear_the_listener(generator: Generator) -> None:
    """One silent clip that counted as evidence once said "That leaves the decoder"."""
    for heard in (ASKED, HEARD):
        few = ReferenceClips(clips=3, clean={heard: 3}, reconstructed={heard: 3})
        found = place(generator, tiny.judge(), known=few)
        assert found.where == "unclear" and found.misheard is None and found.known == few
    measured = place(generator, judge(0), known=few)
    assert measured.misheard is not None and measured.misheard.total == 30  # the record, in their place


def test_known_clips_are_mentioned_where_nothing_went_wrong(generator: Generator) -> None:
    known = ReferenceClips(clips=10, clean={ASKED: 10}, reconstructed={ASKED: 9, HEARD: 1})
    found = place(generator, judge(0), verdict=MATCH, known=known)
    assert found.where == "nowhere" and "9 of 10" in found.sentence


def test_clips_foreign_to_the_judge_blame_no_one(generator: Generator) -> None:
    """A judge of one sound world mishears all other music, of which nothing follows for the generator's."""
    known = ReferenceClips(clips=10, clean={HEARD: 10}, reconstructed={HEARD: 10})
    listener = judge(0)
    listener.domain = "the pieces of a composer"
    found = place(generator, listener, known=known)
    assert found.where == "decoder" and found.known == known and "known clips" not in found.sentence


def test_a_listener_that_mishears_known_audio_is_blamed_first(generator: Generator) -> None:
    assert place(generator, judge(20)).where == "codec and judge"


def test_clear_text_and_a_good_ear_leave_the_decoder(generator: Generator) -> None:
    found = place(generator, judge(0))
    assert (found.where, found.nearest) == ("decoder", ASKED)
    assert found.misheard is not None and found.misheard.count == 0


def test_a_text_encoder_that_reads_another_genre_is_blamed(generator: Generator) -> None:
    """Planted: the embedding of the asked word is overwritten with that of the heard genre's words."""
    table = generator.model.text_encoder.get_input_embeddings().weight
    asked, heard = tiny.WORDS.index("house"), tiny.WORDS.index("smooth")
    with torch.no_grad():
        labels = list(LABELS)
        clean = text_similarities(generator, ASKED, labels)
        assert labels[int(clean.argmax())] == ASKED
    # The prompt says "techno", which the planted embedding makes a "smooth jazz"; the label "house" stays what it was.
    table[tiny.WORDS.index("techno")] = table[heard]
    assert asked != heard
    found = place(generator, judge(0), prompt="techno jazz")
    assert (found.where, found.nearest) == ("text encoder", HEARD)


def test_an_unmeasured_listener_leaves_it_unclear(generator: Generator) -> None:
    found = place(generator, tiny.judge(), bare=bare(0))
    assert found.where == "unclear" and "was not measured" in found.sentence


def test_the_bare_word_proves_whether_the_decoder_knows_the_genre(generator: Generator) -> None:
    unknown, drawn = place(generator, judge(0), bare=bare(1)), place(generator, judge(0), bare=bare(7))
    assert (unknown.where, unknown.badge) == ("decoder", "observed") and "only 1 of 8" in unknown.sentence
    assert (drawn.where, drawn.badge) == ("decoder", "verified") and "other words" in drawn.sentence
    assert place(generator, judge(0)).badge == "observed"
    assert place(generator, judge(0), bare=bare(7, q=0.4)).badge == "tested"


def test_a_bare_word_that_does_no_better_clears_no_one(generator: Generator) -> None:
    """Most takes of a partial drift are right, as of the bare word: that says nothing of the other words."""
    partial = Verdict(kind="partial drift", sentence="", matched=None, judge_error=None)
    found = place(generator, judge(0), verdict=partial, bare=bare(6), untouched=5)
    assert found.where == "unclear" and "other words" not in found.sentence and "only" not in found.sentence
    assert "other words" in place(generator, judge(0), verdict=partial, bare=bare(8), untouched=4).sentence


def test_a_bare_word_heard_right_in_half_of_few_takes_settles_nothing(generator: Generator) -> None:
    found = place(generator, judge(0), bare=bare(4))
    assert found.where == "unclear" and "4 of 8" in found.sentence


def test_few_clips_do_not_blame_the_listener(generator: Generator) -> None:
    assert place(generator, judge(0, clips=3)).where != "codec and judge"


def test_the_bare_word_is_played_only_where_it_can_tell_something() -> None:
    assert bare_word(INTENT, DRIFT, "house with accordion") == ASKED
    assert bare_word(INTENT, DRIFT, " House ") is None
    assert bare_word(INTENT, MATCH, "house with accordion") is None


def test_a_text_encoder_that_does_not_tell_them_apart_is_not_cleared(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The heard genre is nearest, but not clearly; or a third one is."""
    for near, by in ((HEARD, 0.05), ("lo-fi hip hop", 0.5)):
        closeness = torch.tensor([0.5 + by * (label == near) for label in sorted(LABELS)])
        monkeypatch.setattr("tonescope.diagnose.judging.blame.text_similarities", lambda *_, given=closeness: given)
        for listener in (judge(0), tiny.judge()):
            found = place(generator, listener)
            assert found.where == "unclear" and "does not clear the text encoder" in found.sentence
