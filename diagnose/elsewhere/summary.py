"""What was heard in files, in sentences: one that stands above all, and what a reader has to keep in mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tonescope.diagnose.audio_files.sound_files import listed
from tonescope.diagnose.elsewhere.listen_schema import Aspect, FileResult, Heard, Listening, Tagged, WordsFromOutside
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.stats import BELIEVED, Share, share
from tonescope.models.judges.judge import Judge

MUSIC_AT_LARGE = "laion/larger_clap_music"
SHOWN = 4
SHOWN_TAGS = 3  # of a tagger, in one sentence
LIKELY_TAG = 0.5  # below this a tag is likelier to be wrong than right
LOOPS = 0.8  # share of a file that comes again, from which on it is called a loop
KEPT = ("as asked", "counted otherwise")


def length(seconds: float) -> str:
    """How long something lasts, as people say it."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def tempo_told(heard: Heard) -> str:
    """The tempo with what it may be counted as instead."""
    tempo = heard.tempo
    if tempo.bpm is None:
        return "no beat"
    other = next((bpm for bpm, _ in tempo.alternatives), None)
    doubt = "" if tempo.confidence == "clear" else "perhaps "
    return f"{doubt}{tempo.bpm:.0f} BPM" + (f" (or {other:.0f})" if other else "")


def key_told(heard: Heard) -> str:
    """The key, and whether it is clear."""
    if heard.key.key is None:
        return "no key"
    return heard.key.key if heard.key.clear else f"no clear key (perhaps {heard.key.key})"


def repetition_told(heard: Heard) -> str:
    """How it repeats itself; empty where there is nothing to say."""
    found = heard.repetition
    if found.steady:
        return "one sound throughout"
    if found.period is None or found.similarity < 0.5:
        return ""
    how = "a loop of" if found.share >= LOOPS else "comes again every"
    return f"{how} {found.period:.3g} s"


def loudness_told(heard: Heard) -> str:
    """Loudness, with the minus of people."""
    value = heard.loudness.integrated
    return "" if value is None else f"{value:.1f} LUFS".replace("-", "−")


def counts_of(files: Sequence[FileResult]) -> dict[str, Share]:
    """In how many files each genre is heard, by the first judge, the most frequent first."""
    counts = Counter(file.heard.judged[0].heard for file in files)
    return {label: share(count, len(files)) for label, count in counts.most_common()}


def obeyed_of(files: Sequence[FileResult]) -> dict[Aspect, Share]:
    """Of the files that were asked for a genre, a tempo or a key, and of which that can be told: how many have it."""
    aspects: tuple[Aspect, ...] = ("genre", "tempo", "key")
    found: dict[Aspect, Share] = {}
    for aspect in aspects:
        rows = [row for file in files for row in file.adherence if row.aspect == aspect]
        rows = [row for row in rows if row.obeyed != "cannot be told"]
        if rows:
            found[aspect] = share(sum(row.obeyed in KEPT for row in rows), len(rows))
    return found


def summary(found: Listening) -> str:
    """The sentence above all."""
    if found.words is not None:
        told = _of_words(found, found.words)
    elif len(found.files) == 1:
        told = _of_one(found)
    else:
        told = _of_many(found)
    if found.left_out:
        count = len(found.left_out)
        told += f" {count} file{'s were' if count > 1 else ' was'} left out."
    return told


def _of_one(found: Listening) -> str:
    file = found.files[0]
    heard, parts = file.heard, []
    if found.heard:
        judged = heard.judged[0]
        unsure = judged.heard == UNSURE
        parts.append(UNSURE if unsure else f"heard as {judged.heard} ({judged.probability:.2f})")
    else:
        parts += [_tags_told(tagged) for tagged in heard.tags if tagged.tags]
    parts += [tempo_told(heard), key_told(heard), loudness_told(heard), repetition_told(heard)]
    told = f"{file.name} ({length(heard.seconds)}): {'; '.join(filter(None, parts))}."
    return told if found.heard else f"{told} {_abstains(found)}"


def _tags_told(tagged: Tagged) -> str:
    """The likeliest tags of a tagger, and how likely they are."""
    shown = ", ".join(f"{tag.name} {tag.probability:.2f}" for tag in tagged.tags[:SHOWN_TAGS])
    return f"{shown} by {tagged.tagger}"


def _of_many(found: Listening) -> str:
    files = found.files
    seconds = sum(file.heard.seconds for file in files)
    told = f"{len(files)} files were heard ({length(seconds)})"
    if found.heard:
        genres = [f"{label} in {value.count}" for label, value in found.heard.items()][:SHOWN]
        more = len(found.heard) - SHOWN
        told += f": {', '.join(genres)}" + (f" and {more} more" if more > 0 else "")
    told += "."
    beat = sum(file.heard.tempo.confidence == "clear" for file in files)
    key = sum(file.heard.key.clear for file in files)
    told += f" A clear beat in {beat}, a clear key in {key}."
    if not found.heard and (tags := _likeliest(files)):
        told += f" Likeliest genre tag: {tags}. {_how_likely(files)}"
    return told if found.heard else f"{told} {_abstains(found)}"


def genre_tag(heard: Heard) -> tuple[str, float] | None:
    """The likeliest genre of the first tagger, where one is likely at all."""
    tags = [tag for tagged in heard.tags[:1] for tag in tagged.tags if tag.kind == "genre"]
    return (tags[0].name, tags[0].probability) if tags else None


def _how_likely(files: Sequence[FileResult]) -> str:
    """How likely those tags are, and what that is worth."""
    found = sorted(tag[1] for file in files if (tag := genre_tag(file.heard)))
    low, high = (f"{value:.2f}" for value in (found[0], found[-1]))
    told = f"Each tag’s own probability is {low}" if low == high else f"The tags’ own probabilities are {low} to {high}"
    return f"{told} of 1{'' if found[-1] >= LIKELY_TAG else ': weak, and no more than a hint'}."


def _likeliest(files: Sequence[FileResult]) -> str:
    """In how many files each genre is the likeliest of the first tagger's."""
    counts = Counter(found[0] for file in files if (found := genre_tag(file.heard)))
    return ", ".join(f"{name} in {count}" for name, count in counts.most_common(SHOWN))


def _of_words(found: Listening, words: WordsFromOutside) -> str:
    """What the strongest word does."""
    sure = [word for word in words.words if word.q is not None and word.q < BELIEVED]
    told = f"{len(found.files)} takes of “{words.prompt}” and of what is left of it were heard."
    if not words.words:
        return f"{told} Nothing can be compared."
    if words.listener is None:
        return f"{told} {_abstains(found)}"
    return f"{told} {sure[0].sentence if sure else 'No phrase is sure to do anything.'}"


def _abstains(found: Listening) -> str:
    judge = found.judges[0].name
    domain = found.domains.get(judge, "other sounds")
    return f"The judge {judge} claims no genre: it knows only {domain} (if these are of that, say so)."


def caveats(
    judges: Sequence[Judge], in_domain: bool, found: Listening, untraced: Sequence[tuple[str, str]], not_kept: str
) -> list[str]:
    """What a reader has to keep in mind.

    Args:
        in_domain: whether the files were said to be of the sounds that the judge knows.
        untraced: files that the surrogate could not take in, and why.
        not_kept: why findings could not be kept; empty where they are.
    """
    told = []
    for judge in judges:
        if judge.domain and not in_domain:
            told.append(
                f"{judge.name} knows only {judge.domain}, so what it hears in other sound means nothing; name a judge "
                f"of music at large (--judge {MUSIC_AT_LARGE}), or say that the files are of that world (--in-domain)."
            )
        elif judge.domain:
            told.append(
                f"That the files are of {judge.name}’s world ({judge.domain}) was said, not measured; in other sound "
                "it is lost."
            )
        elif judge.record is None:
            told.append(f"How often {judge.name} mishears was not measured, so a genre it hears may be its mistake.")
    files = found.files
    if noted := [(file.name, note) for file in files for note in file.heard.notes]:
        told.append(f"Of some files: {listed(noted)}.")
    if found.words is None:  # of a plan, copies are asked for, and every phrase is tested by leaving it out
        told += _of_files(files)
    if untraced:
        told.append(f"Not put through the surrogate: {listed(untraced)}.")
    if not_kept:
        told.append(f"What was heard could not be kept ({not_kept}), so a run that is stopped would start again.")
    return told


def _of_files(files: Sequence[FileResult]) -> list[str]:
    """What to keep in mind of files that stand for themselves."""
    told = []
    if any(file.heard.tempo.bpm is not None for file in files):
        told.append("A tempo may as well be half or twice as fast: where the beat is counted is a matter of taste.")
    if copies := [(file.name, f"the same as {file.same_as}") for file in files if file.same_as]:
        told.append(f"Some files are copies: {listed(copies)}.")
    if unchecked := list(dict.fromkeys(part for file in files for part in file.unchecked)):
        more = f" and {len(unchecked) - SHOWN} more" if len(unchecked) > SHOWN else ""
        parts = ", ".join(f"“{part}”" for part in unchecked[:SHOWN])
        told.append(f"Of the prompt, nothing here can check {parts}{more}.")
    return told
