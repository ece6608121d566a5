"""Whether a file is what its prompt asked for, as far as that can be heard: genre, tempo, key."""

from __future__ import annotations

from tonescope.diagnose.descriptors.musical_key import Key
from tonescope.diagnose.descriptors.tempo import SAME
from tonescope.diagnose.elsewhere.listen_schema import Adherence, Heard, Obeyed
from tonescope.diagnose.elsewhere.prompt_wishes import KeyWish, TempoWish, Wishes
from tonescope.diagnose.elsewhere.request_plan import genre_alone
from tonescope.diagnose.judging.genre_names import key_of, vocabulary
from tonescope.diagnose.judging.intent import Intent
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.taxonomy import Taxonomy, common

LIKELY = 0.2  # a tag that is less probable is no finding
CLOSE = 0.5  # of the likeliest genre's probability: where another comes so near, neither is clear
COUNTED = {0.5: "half as fast", 2.0: "twice as fast"}


def adherence(heard: Heard, wishes: Wishes, intent: Intent | None, taxonomy: Taxonomy) -> list[Adherence]:
    """Everything that is asked for and can be held against the sound.

    Whether it is clear what is heard is told first, and without looking at what was asked: were only misses called
    unclear, every guess that is right by chance would count.

    ``intent`` is the genre that is asked for; ``None`` where no judge that knows such sounds listened.
    """
    found = []
    if intent is not None and intent.label is not None:
        found.append(_genre(heard, intent, taxonomy))
    if wishes.tempo is not None:
        found.append(_tempo(heard, wishes.tempo))
    if wishes.key is not None:
        found.append(_key(heard, wishes.key))
    return found


def _genre(heard: Heard, intent: Intent, taxonomy: Taxonomy) -> Adherence:
    judged, asked = heard.judged[0], str(intent.label)
    obeyed: Obeyed = "not as asked"
    if judged.heard == asked:
        obeyed = "as asked"
    elif judged.heard == UNSURE:
        obeyed = "cannot be told"
    elif taxonomy.family(judged.heard) == taxonomy.family(asked):
        obeyed = "related"
    what = "no clear genre" if judged.heard == UNSURE else judged.heard
    told = {
        "as asked": f"Asked for {intent.asked}, and heard as it ({judged.probability:.2f}).",
        "related": f"Asked for {intent.asked}; heard as its sibling {what} ({judged.probability:.2f}).",
        "not as asked": f"Asked for {intent.asked}; heard as {what} ({judged.probability:.2f}).",
        "cannot be told": f"Asked for {intent.asked}; no genre is heard clearly.",
    }
    return Adherence(aspect="genre", asked=intent.asked, heard=what, obeyed=obeyed, sentence=told[obeyed])


def genre_by_tags(heard: Heard, prompt: str) -> Adherence | None:
    """Whether taggers of real music hear the genre that a prompt names; ``None`` where none knows it."""
    name = genre_alone(prompt)
    for tagged in heard.tags if name else ():
        by_key = {key_of(genre): genre for genre in tagged.genres}
        kinds = [key_of(kind) for kind in vocabulary().kinds(str(name))]
        asked = next((by_key[kind] for kind in kinds if kind in by_key), None)
        if asked is None:
            continue
        family = common().family(asked)
        kin = {label for label in tagged.genres if key_of(label) in kinds or common().family(label) == family}
        best = max(tagged.genres, key=lambda label: tagged.genres[label])
        own, most = tagged.genres[asked], tagged.genres[best]
        strange = max((value for label, value in tagged.genres.items() if label not in kin), default=0.0)
        obeyed: Obeyed = "not as asked"
        if most < LIKELY or (best not in kin and own >= CLOSE * most) or (best == asked and strange >= CLOSE * most):
            obeyed = "cannot be told"
        elif best == asked:
            obeyed = "as asked"
        elif best in kin:
            obeyed = "related"
        what = f"{best} ({most:.2f}; {asked} {own:.2f})" if best != asked else f"{best} ({most:.2f})"
        told = f"Asked for {name}; of genres, {tagged.tagger} hears {what}."
        return Adherence(aspect="genre", asked=str(name), heard=best, obeyed=obeyed, sentence=told)
    return None


def _within(bpm: float, wish: TempoWish) -> bool:
    return wish.low * (1 - SAME) <= bpm <= wish.high * (1 + SAME)


def _tempo(heard: Heard, wish: TempoWish) -> Adherence:
    tempo, asked = heard.tempo, wish.text + (f" ({wish.meaning})" if wish.meaning else "")
    if tempo.bpm is None:
        return Adherence(
            aspect="tempo",
            asked=wish.text,
            heard="no beat",
            obeyed="cannot be told",
            sentence=f"Asked for {asked}; there is no beat to measure it by.",
        )
    what = f"{tempo.bpm:.0f} BPM"
    other = next((factor for factor in COUNTED if _within(tempo.bpm / factor, wish)), None)
    if tempo.confidence != "clear":
        obeyed, told = "cannot be told", f"Asked for {asked}; the beat is too weak to tell (perhaps {what})."
    elif _within(tempo.bpm, wish):
        obeyed, told = "as asked", f"Asked for {asked}, and measured: {what}."
    elif other is not None and wish.meaning:  # half or twice as fast, a word as wide as an octave always fits
        counted = f"{tempo.bpm / other:.0f}"
        obeyed, told = "cannot be told", f"Asked for {asked}; measured {what}, or {counted} where counted otherwise."
    elif other is not None:
        counted = f"{tempo.bpm / other:.0f}"
        obeyed, told = (
            "counted otherwise",
            f"Asked for {asked}; measured {what}, which may be counted as {counted} BPM.",
        )
    else:
        obeyed, told = "not as asked", f"Asked for {asked}; measured {what}, neither that nor half or twice as fast."
    return Adherence(aspect="tempo", asked=wish.text, heard=what, obeyed=obeyed, sentence=told)  # type: ignore[arg-type]


def _key(heard: Heard, wish: KeyWish) -> Adherence:
    row = heard.key
    if row.tonic is None or row.mode is None or row.key is None:
        told = f"Asked for {wish.text}; there are no notes to tell a key by."
        return Adherence(aspect="key", asked=wish.text, heard="no notes", obeyed="cannot be told", sentence=told)
    key = Key(row.tonic, row.mode)
    if not row.clear:
        obeyed, told = "cannot be told", f"Asked for {wish.text}; the key is not clear (perhaps {row.key})."
    elif wish.matches(key):
        obeyed, told = "as asked", f"Asked for {wish.text}, and measured: {row.key}."
    elif wish.matches(key.relative):
        obeyed, told = "related", f"Asked for {wish.text}; measured {row.key}, which has the same notes."
    else:
        obeyed, told = "not as asked", f"Asked for {wish.text}; measured {row.key}."
    return Adherence(aspect="key", asked=wish.text, heard=row.key, obeyed=obeyed, sentence=told)  # type: ignore[arg-type]
