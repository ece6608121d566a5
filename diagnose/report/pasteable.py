"""Lines that can be pasted into a shell: a diagnosis or an edit, with the models and settings of one that was made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tonescope.diagnose.jobs.parameters import Flag, marked
from tonescope.diagnose.repair.steering import MARK
from tonescope.diagnose.schema import Diagnosis, SettingSuspect, Source
from tonescope.diagnose.settings import Settings
from tonescope.models.loading import EMBEDDED, HUB_JUDGE, OURS

EDITED_WITH = ("seconds", "seed", "guidance", "negative", "foil", "memory_gib")  # settings that an edit has as well
PLAYED_WITH = ("seconds", "seed", "guidance", "negative", "temperature", "top_k", "memory_gib")
"""Settings that a repair has, and a comparison of prompts."""
FLAGS_OF_MODELS = {"denoising steps": "--denoising-steps", "shift": "--shift"}
USUAL_GUIDANCE = 3.0
STEERED_BY = "steering.json"  # what suggest --steering writes; where it lies is not known
_BARE = re.compile(r"[A-Za-z0-9_@%+=:,./][A-Za-z0-9_@%+=:,./-]*")
_READ_IN_DOUBLE_QUOTES = frozenset('"$`\\!')


class OfModels(Protocol):
    """A result that says which models it is of, and with which settings of these it was not played as it is made to
    be."""

    @property
    def model(self) -> Source:
        """Who played."""

    @property
    def judge(self) -> Source:
        """Who listened."""

    @property
    def suspects(self) -> list[SettingSuspect]:
        """Settings that the model is not made for."""


class Made(OfModels, Protocol):
    """A result that was played."""

    @property
    def settings(self) -> Settings:
        """How."""

    @property
    def recommended(self) -> Mapping[str, float]:
        """What the model is made to be played with."""


def quoted(text: str) -> str:
    """Text as one word of a shell: bash and zsh read it as it is, and so do people where that is possible.

    What cannot be seen, or would steer a terminal, is written as an escape.
    """
    if _BARE.fullmatch(text):
        return text
    if not text.isprintable():
        return "$'" + "".join(_escaped(character) for character in text) + "'"
    if not _READ_IN_DOUBLE_QUOTES & set(text):
        return f'"{text}"'
    return shlex.quote(text)


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def prompt_word(prompt: str) -> str:
    """A prompt as it stands in people's sight: always in quotation marks."""
    word = quoted(prompt)
    return f'"{word}"' if word == prompt else word


def diagnose(found: Diagnosis, prompt: str | None = None, *, out: str | None = None, **changed: Any) -> str:
    """The line that makes this diagnosis again, or another.

    Args:
        found: gives models, settings and what is intended.
        prompt: another prompt; what was asked for is named where it does not say it.
        out: a folder to write.
        changed: other settings, ``intended`` or ``judge`` among them.
    """
    intended = changed.pop("intended", _intended(found, prompt))
    judge = changed.pop("judge", None)
    settings = found.settings.model_copy(update=changed)
    options = [*models_of(found, judge), *_options(found, settings, list(Settings.model_fields))]
    options += ["--intended", quoted(intended)] if intended else []
    options += ["--out", quoted(out)] if out else []
    return _line("diagnose", [found.prompt if prompt is None else prompt], [], options)


def edit(found: Diagnosis, targets: Sequence[str]) -> str:
    """The line that mutes units in fresh takes of the prompt."""
    options = [*models_of(found), *_options(found, found.settings, EDITED_WITH)]
    return _line("edit", [found.prompt], [quoted(target) for target in targets], options)


def suggest(found: Diagnosis) -> str:
    """The line that looks for a prompt that plays what was asked for."""
    intended = _intended(found, None)
    return line("suggest", found, [found.prompt], PLAYED_WITH, *(["--intended", intended] if intended else []))


def line(job: str, found: Made, prompts: Sequence[str], names: Sequence[str] = PLAYED_WITH, *more: str) -> str:
    """The line of another job on the models of a result.

    Args:
        prompts: what it is asked about.
        names: the settings that it takes over.
        more: other options and their values.
    """
    options = [*models_of(found), *_options(found, found.settings, names)]
    options += [word if word.startswith("--") else quoted(word) for word in more]
    return _line(job, prompts, [], options)


def _line(job: str, prompts: Sequence[str], arguments: Sequence[str], options: Sequence[str]) -> str:
    words = [prompt_word(prompt) for prompt in prompts]
    if any(prompt.startswith("-") for prompt in prompts):  # else it would be read as an option
        return " ".join(["tonescope", job, *options, "--", *words, *arguments])
    return " ".join(["tonescope", job, *words, *arguments, *options])


def _intended(found: Diagnosis, prompt: str | None) -> str | None:
    """What was asked for, where that is not read from the prompt that is played."""
    asked = found.intended
    if asked.label is None:
        return None
    if asked.how == "chosen":
        return asked.label
    if prompt is None or prompt.lower() == asked.label.lower():
        return None
    named = asked.named or asked.label
    return None if named.lower() in prompt.lower() else asked.label


def models_of(found: OfModels, judge: str | None = None) -> list[str]:
    """The options that open its models again, ``judge`` in place of the one that listened."""
    name = found.model.name
    model, _, adapter = name.removesuffix(MARK).partition(" + ")
    usual = EMBEDDED if model in OURS else HUB_JUDGE
    named = {
        "--model": (model, EMBEDDED),
        "--adapter": (adapter, ""),
        "--steer": (STEERED_BY if name.endswith(MARK) else "", ""),
        "--judge": (judge or found.judge.name, usual),
        "--device": (found.model.device, "cpu"),
        "--dtype": (found.model.dtype, "float32"),
    }
    if judge is None:
        named |= {f"--{name}": (value, "") for name, value in found.judge.opened_with.items()}
    named |= {
        FLAGS_OF_MODELS[suspect.name]: (f"{suspect.used:g}", "")
        for suspect in found.suspects
        if suspect.name in FLAGS_OF_MODELS
    }
    return [part for flag, (value, default) in named.items() if value != default for part in (flag, quoted(value))]


def as_recommended(found: Diagnosis) -> str:
    """The line that makes the diagnosis with the settings that the model is made for."""
    plain = found.model_copy(update={"suspects": []})
    return diagnose(plain, guidance=found.recommended.get("guidance", found.settings.guidance))


def _options(found: Made, settings: Settings, names: Sequence[str]) -> list[str]:
    """Settings that are not as usual for the model, as the command line writes them."""
    written: list[str] = []
    usual_guidance = found.recommended.get("guidance", USUAL_GUIDANCE)
    for name in names:
        field = Settings.model_fields[name]
        value, flag = getattr(settings, name), marked(field, Flag)
        usual = usual_guidance if name == "guidance" else field.default
        if value == usual or value is None:
            continue
        option = flag.names[0] if flag and flag.names else "--" + name.replace("_", "-")
        if isinstance(value, bool):
            written.append(option)
            continue
        for each in value if isinstance(value, tuple) else (value,):
            written += [option, quoted(str(each).removesuffix(".0"))]
    return written
