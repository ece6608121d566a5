"""What a reader of a diagnosis has to be warned of: one row a caveat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tonescope.diagnose.jobs import verification_plan
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.jobs.setting_suspects import suspects_sentence
from tonescope.diagnose.judging.intent import Intent, intent_caveats
from tonescope.diagnose.judging.verdict import FEWEST_TAKES, Heard
from tonescope.diagnose.prompts.lyrics import Song, voices_caveat
from tonescope.diagnose.prompts.phrases import PIECES_CAVEAT
from tonescope.diagnose.schema import Contrast, Drivers
from tonescope.diagnose.settings import USEFUL_TAKES
from tonescope.models import metadata, versions
from tonescope.models.errors import TonescopeError
from tonescope.models.loading import EMBEDDED
from tonescope.models.played_with import sings

MEASURED_SHARE = 0.75  # of the judge's window; its record says little about less
LISTENER = "laion/larger_clap_music"


@dataclass(frozen=True)
class Asked:
    """What caveats of anything that is played and heard are about; ``intent`` where a genre is meant."""

    request: Request
    models: Models
    intent: Intent | None


@dataclass(frozen=True)
class Found(Asked):
    """What caveats of a diagnosis are about."""

    heard: Heard
    contrast: Contrast
    drivers: Drivers


def foreign(models: Models) -> bool:
    """Whether a judge that knows only one sound world was asked about another. A fine-tune of the embedded model
    still plays in its own, and so does a generator whose folder says so."""
    domain, generator = models.judge.domain, models.generator
    if not domain or generator.name.split(" + ")[0] == EMBEDDED:
        return False
    return metadata.read(generator.folder).domain != domain


def foreign_caveat(models: Models) -> str:
    """What is to be said where :func:`foreign` holds."""
    judge, generator = models.judge, models.generator
    return (
        f"The judge {judge.name} knows only {judge.domain}, which {generator.name} was not made for: "
        f"choose the judge {LISTENER}."
    )


def foreign_refusal(models: Models) -> TonescopeError:
    """The error for what only a judge that knows the generator's sound can conclude."""
    judge, generator = models.judge, models.generator
    return TonescopeError(
        f"the judge {judge.name} knows only {judge.domain}, which {generator.name} was not made for, so nothing can be "
        f"called better by it; choose another with --judge {LISTENER}."
    )


def codec_caveat(models: Models) -> str | None:
    """What is to be said where a judge was measured without the codec that takes pass, or with another."""
    judge, record, generator = models.judge, models.judge.record, models.generator.name.split(" + ")[0]
    if record is None or (record.reconstructed and record.through in ("", generator)):
        return None
    how = f"after the codec of {record.through}" if record.reconstructed else "as they are"
    return (
        f"How often the judge {judge.name} mishears was measured on clips {how}; after the codec of {generator} it "
        f"may mishear more (tonescope judge calibrate --through {generator})."
    )


def _codec(found: Asked) -> str | None:
    return codec_caveat(found.models)


def _untested_versions(_: Asked) -> str | None:
    return versions.notice()


def _foil_is_heard(found: Found) -> str | None:
    foil = found.request.foil(found.models)
    if foil != found.contrast.target:
        return None
    return f"{foil} cannot be compared with itself, so it was compared with {found.contrast.other}."


def _half_precision(found: Asked) -> str | None:
    if found.models.generator.dtype.itemsize >= 4:
        return None
    return (
        "The generator ran in half precision: rounding alone can part takes that share their noise, and small "
        "effects drown "
        "in it; single precision (float32) does not have that."
    )


def _prefix(found: Asked) -> str | None:
    return found.models.generator.caveat or None


def _few_takes(found: Asked) -> str | None:
    takes = found.request.settings.takes
    if takes >= USEFUL_TAKES:
        return None
    if takes < FEWEST_TAKES:
        few = f"{takes} take{'s show' if takes > 1 else ' shows'} nothing for sure"
    else:
        few = f"{takes} takes give a rough figure"
    return f"{few}; {USEFUL_TAKES} or more give a useful one."


def _unknown_words(found: Found) -> str | None:
    vocabulary = found.models.vocabulary
    parts = (part.strip("()[]\"'“”.,") for word in found.drivers.words if not word.known for part in word.word.split())
    unknown = list(dict.fromkeys(part for part in parts if vocabulary and not vocabulary.knows(part)))
    if not unknown:
        return None
    shown, them = ", ".join(f"“{word}”" for word in unknown), "it" if len(unknown) == 1 else "them"
    return (
        f"{found.models.generator.name} never saw {shown} in training: what it plays for {them} is a guess from "
        "similar words."
    )


def _in_pieces(found: Found) -> str | None:
    return PIECES_CAVEAT if any(word.in_pieces for word in found.drivers.words) else None


def _voices(found: Asked) -> str | None:
    prompt, generator = found.request.prompt, found.models.generator
    if sings(generator) is False:
        return None
    text = generator.read_text([prompt], found.request.settings.seconds)
    return voices_caveat(found.models.judge, Song.of(prompt, text), text)


def _settings(found: Asked) -> str | None:
    return suspects_sentence(found.models.generator, found.request.normalized(found.models.generator).sampling)


def _many_words(found: Found) -> str | None:
    words, predicted = len(found.drivers.words), verification_plan.PREDICTED_WORDS
    if words <= predicted:
        return None
    return (
        f"Of {words} words the {predicted} with the steepest gradients were predicted; the others are estimated by "
        "their "
        "gradients alone, which say less."
    )


def _unmeasured_judge(found: Asked) -> str | None:
    judge, seconds = found.models.judge, found.request.settings.seconds
    if judge.record is None:
        return (
            f"How often the judge {judge.name} itself mishears these genres was not measured, so what it hears, "
            "and a drift, may be its own mistake: listen to the takes."
        )
    if seconds < MEASURED_SHARE * judge.window_seconds:
        return (
            f"How often the judge {judge.name} mishears was measured on {judge.window_seconds:g} s of music; "
            f"in {seconds:g} s it may mishear more."
        )
    return None


def _foreign(found: Asked) -> str | None:
    return foreign_caveat(found.models) if foreign(found.models) else None


def _foreign_clips(found: Found) -> str | None:
    judge = found.models.judge
    if not (found.request.clips and judge.domain):
        return None
    return (
        f"The judge {judge.name} knows only {judge.domain}, and may mishear the known clips for being other music; "
        "they were "
        f"counted, and nothing follows from them: choose the judge {LISTENER}."
    )


def _unsure(found: Found) -> str | None:
    heard = found.heard
    return f"In {heard.unsure} of {heard.share.total} takes the judge hears no clear genre." if heard.unsure else None


def _small_control(found: Found) -> str | None:
    group = found.drivers.group
    if not group or group.control_units >= group.units:
        return None
    return (
        f"Only {group.control_units} random units were left to compare the {group.units} strongest with, so that "
        "test proves "
        "nothing."
    )


def _intent(found: Asked) -> Sequence[str]:
    return intent_caveats(found.intent, found.request.prompt, found.models.judge) if found.intent else ()


Said = str | Sequence[str] | None
PLAYED: tuple[Callable[[Asked], Said], ...] = (
    _settings,
    _untested_versions,
    _half_precision,
    _prefix,
    _intent,
    _voices,
    _unmeasured_judge,
    _codec,
    _foreign,
)
"""Of anything that is played and heard; a diagnosis has those of its own."""

CAVEATS: tuple[Callable[[Found], Said], ...] = (
    _untested_versions,
    _foil_is_heard,
    _half_precision,
    _prefix,
    _few_takes,
    _intent,
    _unknown_words,
    _in_pieces,
    _voices,
    _many_words,
    _unmeasured_judge,
    _codec,
    _foreign,
    _foreign_clips,
    _unsure,
    _small_control,
)


def caveats(found: Found) -> list[str]:
    """Every sentence that applies to a diagnosis, in the order in which they matter."""
    return _listed(caveat(found) for caveat in CAVEATS)


def played_caveats(asked: Asked) -> list[str]:
    """Every sentence that applies to anything that is played and heard."""
    return _listed(caveat(asked) for caveat in PLAYED)


def _listed(told: Iterable[Said]) -> list[str]:
    return [one for said in told for one in ([said] if isinstance(said, str) else said or ())]
