"""What people read for the keys of variants, sets of takes and stages. Code compares keys; nothing compares these."""

from __future__ import annotations

LABELS = {
    "takes": "as generated",
    "tested": "as it is",
    "untouched": "untouched",
    "edited": "edited",
    "random_edited": "random ones edited",
    "muted": "the set muted",
    "random_muted": "random ones muted",
    "bare_genre_word": "the genre word alone",
    "best": "the best rewrite",
    "complete": "the best that keeps all",
    "times": "the set times {0}",
    "random_times": "random ones times {0}",
    "without_unit": "without {0}",
    "control_of": "a random one in place of {0}",
    "in_place": "the set muted, with {0} in the place of one",
    "set_without": "the set muted, but not {0}",
    "muted_from": "muted from {0} s on",
    "muted_from_step": "muted from denoising step {0} on",
    "muted_until_step": "muted until denoising step {0}",
    "other_prompt": "another prompt",
    "put_in": "another prompt, the set put in",
    "random_put_in": "another prompt, random ones put in",
    "without_word": "without “{1}”",
}
"""By the kind of a key: what is before its first colon. ``{0}`` is what comes after, ``{1}`` what after a second."""

STAGES = {
    "generate": "play the first takes",
    "listen": "listen to them",
    "attribute": "look for causes",
    "search": "mute units one by one",
    "choose": "choose what does most",
    "predict": "predict what words do",
    "verify": "play fresh takes",
    "play the source": "play the other prompt",
    "play untouched": "play the takes as they are",
    "play edited": "play them with the change",
    "play and listen": "play takes, and listen to them",
    "keep": "put it all together",
}
"""By the name of a stage; others are their own."""
TOTALS = ("until the first finding", "in all")  # of the times that a command measures, beside its stages


def label(key: str) -> str:
    """What people read for a key such as ``muted``, ``times:0.5`` or ``without_word:7:jazz``."""
    kind, _, about = key.partition(":")
    return LABELS[kind].format(about, about.partition(":")[2])


def stage_told(stage: str) -> str:
    """What people read for a stage, whatever is noted behind its name, such as the memory it takes."""
    name, apart, note = stage.partition(" (")
    return f"{STAGES.get(name, name)}{apart}{note}"
