"""Whether naming a thing to exclude it brought it: "no techno", and techno is heard more often than without the words.

Large language and text-to-image models are known to play what they are told not to; here it is measured, in the tested
takes and in the same takes played without the words, on the same noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from tonescope.diagnose.intervene.verification import Outcome, Played
from tonescope.diagnose.judging.genre_names import key_of, names_in, nearest_label, vocabulary
from tonescope.diagnose.schema import Exclusion, WordDriver
from tonescope.diagnose.stats import adjusted, share
from tonescope.diagnose.taxonomy import Taxonomy
from tonescope.models.judges.judge import Judge


def with_exclusions(words: Sequence[WordDriver], played: Played, judge: Judge, taxonomy: Taxonomy) -> list[WordDriver]:
    """The words, those that refuse with what became of what they refuse.

    A genre that the judge knows, or a kind of one, is heard as its label. For anything else a judge of music at large
    that compares sound with text is asked how near the takes are to the thing's name, which says only where it is
    nearer. A judge that was made for one sound world was taught genres and measured on them, so it is not asked for
    more: it cannot tell.
    """
    found = [_of_word(word, word.negates, played, judge, taxonomy) if word.negates else [] for word in words]
    qs = iter(adjusted([row.p for rows in found for row in rows]))
    told = [[row.model_copy(update={"q": next(qs)}) for row in rows] for rows in found]
    return [
        word.model_copy(update={"exclusions": rows}) if rows else word for word, rows in zip(words, told, strict=True)
    ]


def _of_word(word: WordDriver, refused: str, played: Played, judge: Judge, taxonomy: Taxonomy) -> list[Exclusion]:
    without = played.outcomes[word.verified.variant] if word.verified else None
    genres = {}
    for name in names_in(refused, taxonomy)[1]:
        if label := nearest_label(name.parts[0], taxonomy, judge.labels):
            genres[label] = (name.text, frozenset({label}))
        elif narrower := _kinds_of(name.parts[0], judge):
            genres[name.text] = (name.text, narrower)
    if genres:
        return [_heard(thing, named, kinds, played.clean, without) for named, (thing, kinds) in genres.items()]
    return [_nearer(refused, played, judge, without)]


def _kinds_of(genre: str, judge: Judge) -> frozenset[str]:
    """The labels that are kinds of a genre: "smooth jazz" is one of jazz."""
    key, kinds = key_of(genre), vocabulary().kinds
    return frozenset(label for label in judge.labels if key in map(key_of, kinds(label)))


def _heard(thing: str, label: str, kinds: frozenset[str], clean: Outcome, without: Outcome | None) -> Exclusion:
    """In how many takes a genre is heard with the words that refuse it, and without them."""
    intact = [row for row in range(len(clean.heard)) if not clean.broke[row] and not (without and without.broke[row])]
    named = [clean.heard[row] in kinds for row in intact]
    told = Exclusion(thing=thing, how="label", label=label, named=share(sum(named), len(named)))
    if without is None or not intact:
        return told
    left_out = [without.heard[row] in kinds for row in intact]
    more = sum(before and not after for before, after in zip(named, left_out, strict=True))
    fewer = sum(after and not before for before, after in zip(named, left_out, strict=True))
    return told.model_copy(update={"left_out": share(sum(left_out), len(left_out)), "p": sign_test(more, fewer)})


def _nearer(thing: str, played: Played, judge: Judge, without: Outcome | None) -> Exclusion:
    """In how many takes the sound is nearer to a thing's name with the words that refuse it than without them."""
    if without is None or judge.domain:
        return Exclusion(thing=thing, how="unheard")
    before = judge.likeness(played.clean.takes.waveform, played.rate, thing)
    after = judge.likeness(without.takes.waveform, played.rate, thing)
    if before is None or after is None:
        return Exclusion(thing=thing, how="unheard")
    changes = (before - after)[~(played.clean.broke | without.broke).to(before.device)].tolist()
    more, fewer = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    if not changes:
        return Exclusion(thing=thing, how="unheard")
    return Exclusion(thing=thing, how="likeness", named=share(more, len(changes)), p=sign_test(more, fewer))


def sign_test(more: int, fewer: int) -> float:
    """Two-sided p-value of the exact sign test: as many pairs went one way, so many the other (Arbuthnott 1710; for
    yes and no it is McNemar's exact test)."""
    count, least = more + fewer, min(more, fewer)
    tail: float = sum(comb(count, k) for k in range(least + 1)) / 2**count
    return min(1.0, 2 * tail)
