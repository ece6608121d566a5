"""From a name to a model: ``embedded``, a local folder, or a Hub id (``owner/name`` or ``owner/name@revision``).

Weights are read from safetensors only and no code from a repository is run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils.tqdm import enable_progress_bars
from transformers import AutoConfig, AutoTokenizer, ClapFeatureExtractor, PreTrainedModel
from transformers.utils import logging as transformers_logging

from . import names
from .adapters import add_adapter
from .errors import TonescopeError
from .families import FAMILIES
from .generator import Generator
from .judge import Hearing, Judge, Track

EMBEDDED = "embedded"
HUB_JUDGE = "laion/larger_clap_music"
SIDE_FILE = "tonescope.json"
MODEL_TYPES = {
    "generator": {family.model_type: family.model_class for family in FAMILIES},
    "judge": {"clap": "ClapModel"},
}
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


# Words that ask for music and say nothing about it: that a model never saw them changes little.
ASKING = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "could",
        "create",
        "do",
        "does",
        "don",
        "for",
        "from",
        "generate",
        "give",
        "have",
        "hear",
        "hi",
        "hello",
        "i",
        "in",
        "is",
        "it",
        "its",
        "just",
        "let",
        "like",
        "make",
        "making",
        "me",
        "music",
        "my",
        "of",
        "on",
        "one",
        "or",
        "our",
        "please",
        "play",
        "playing",
        "s",
        "should",
        "some",
        "something",
        "song",
        "t",
        "thanks",
        "that",
        "the",
        "them",
        "then",
        "there",
        "this",
        "to",
        "track",
        "very",
        "want",
        "we",
        "with",
        "would",
        "you",
        "your",
        "bpm",
    ]
)


@dataclass(frozen=True)
class Vocabulary:
    """The words of a generator's training captions."""

    words: frozenset[str]

    def knows(self, word: str) -> bool:
        """Whether every part of a word was seen in training. Numbers count as seen, and words that ask rather than describe."""
        parts = re.findall(r"[^\W\d_]+", re.sub(r"['’]\w+", "", word.lower()))
        return all(part in self.words or part in ASKING for part in parts)


@dataclass(frozen=True)
class Found:
    """Where a name leads: what ``from_pretrained`` is given, and the local folder if there is one."""

    source: str
    revision: str | None
    folder: Path | None

    def side(self) -> dict[str, Any]:
        """What the folder says about itself beyond transformers' own files."""
        path = self.folder / SIDE_FILE if self.folder else None
        if not path or not path.is_file():
            return {}
        try:
            content = dict(json.loads(path.read_text(encoding="utf-8")))
            _ = [(row["label"] + row["family"], *row.get("aliases", ())) for row in content.get("labels", ())]
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise TonescopeError(
                f"{path} is not the JSON it should be, so nothing is known of the model’s labels; save the model again, or delete the file."
            ) from error
        return content


def find(name: str, kind: str) -> Found:
    """Look a name up. ``kind`` is ``generator`` or ``judge``. Raises :class:`TonescopeError` for what cannot be one."""
    if name == EMBEDDED:
        folder = Path(str(resources.files(__package__))) / "embedded" / kind
        if not (folder / "config.json").is_file():
            raise TonescopeError(
                f"the embedded {kind} is not in this installation; reinstall Tonescope, or name another one with --{'model' if kind == 'generator' else 'judge'}."
            )
        return Found(str(folder), None, folder)
    path = names.folder(name)
    if path:
        if not (path / "config.json").is_file():
            raise TonescopeError(
                f"{name} is a folder without a config.json, so it is not a model; give the folder that save_pretrained wrote."
            )
        weights = {
            suffix for suffix in (".safetensors", ".bin", ".pt", ".pth", ".ckpt") if any(path.glob(f"*{suffix}"))
        }
        if ".safetensors" not in weights:
            what = (
                "holds only pickled weights, which can run code when they are opened" if weights else "holds no weights"
            )
            raise TonescopeError(
                f"{name} {what}; save the model again with save_pretrained (it writes safetensors) and give that folder."
            )
        return Found(str(path), None, path)
    repository = names.hub_id(name)
    if repository is None:
        raise TonescopeError(
            f"there is no {kind} called “{name[:80]}”: give “{EMBEDDED}”, a folder, or a Hub id such as {'facebook/musicgen-small' if kind == 'generator' else HUB_JUDGE}."
        )
    return Found(*repository, None)


def _arguments(found: Found) -> dict[str, Any]:
    return {"revision": found.revision} if found.revision else {}


def _load_model(found: Found, name: str, kind: str, dtype: torch.dtype) -> PreTrainedModel:
    """The model a name leads to, in the class its configuration names, if that is one we know."""
    config = _try(name, lambda: AutoConfig.from_pretrained(found.source, trust_remote_code=False, **_arguments(found)))
    classes = MODEL_TYPES[kind]
    if config.model_type not in classes:
        known = " or ".join(f"“{model_type}”" for model_type in classes)
        raise TonescopeError(
            f"{name} is a “{config.model_type}” model and cannot be used as the {kind}, which has to be a {known} model."
        )
    model_class = getattr(transformers, classes[config.model_type])
    # Of the judge that everyone needs, a pickle will do where its publisher offers nothing else; it is read without running code.
    safe = None if found.source == HUB_JUDGE else True
    model, outcome = _try(
        name,
        lambda: model_class.from_pretrained(
            found.source, use_safetensors=safe, weights_only=True, dtype=dtype, trust_remote_code=False, output_loading_info=True, **_arguments(found)
        ),
    )  # fmt: skip
    weights = dict(model.named_parameters())
    if lost := sorted(key for key in outcome["missing_keys"] if key in weights):
        raise TonescopeError(
            f"{name} could not be loaded: its file lacks {len(lost)} of its weights, {lost[0]} for one, and random ones would take their place; save the model again, whole."
        )
    loaded: PreTrainedModel = model
    return loaded


def _try(name: str, load: Any) -> Any:
    try:
        return load()
    except (TonescopeError, MemoryError):
        raise
    except Exception as error:  # a folder from anywhere fails in any way
        reason = _reason(error)
        raise TonescopeError(f"{name} could not be loaded: {reason}") from error


def _reason(error: Exception) -> str:
    text = str(error)
    lowered = text.lower()
    if "safetensors" in lowered and ("does not appear to have" in lowered or "no file named" in lowered):
        return "it has no safetensors weights, and pickled ones can run code when they are opened; give a revision that has them (NAME@REVISION) or a folder saved with save_pretrained."
    if any(
        hint in lowered
        for hint in (
            "connect",
            "offline",
            "couldn't reach",
            "resolve",
            "network",
            "proxy",
            "timed out",
            "max retries",
            "cached files",
            "locate the file",
        )
    ):
        return "it is not on this machine and the model hub cannot be reached; download it where there is a network and give the folder, or use --model embedded."
    if "is not a valid model identifier" in lowered or "404" in lowered or "401" in lowered or "gated" in lowered:
        return "the hub knows no public model of that name; check the spelling, or log in if it is private."
    first = text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__
    return f"{first.rstrip('.')}; check that the folder is whole."


def _tokenizer(found: Found, name: str) -> Any:
    """The tokenizer of a model.

    Where its files are missing, transformers makes an empty one up and every word becomes the same unknown piece; refuse that.
    """
    tokenizer = _try(
        name, lambda: AutoTokenizer.from_pretrained(found.source, trust_remote_code=False, **_arguments(found))
    )
    if not tokenizer.is_fast:
        raise TonescopeError(
            f"{name} could not be loaded: its tokenizer cannot say which letters a token spells, so words could not be told apart; save a fast tokenizer (tokenizer.json) into the same folder."
        )
    ids = tokenizer("a song music jazz piano drums", add_special_tokens=False)["input_ids"]
    if sum(piece == tokenizer.unk_token_id for piece in ids) * 3 > len(ids):
        raise TonescopeError(
            f"{name} could not be loaded: it has no tokenizer of its own that knows English words; save the tokenizer into the same folder."
        )
    return tokenizer


def check_device(device: str) -> None:
    """Raise :class:`TonescopeError` for a device that torch cannot use here."""
    try:
        if torch.empty(0, device=device).device.type == "meta":
            raise RuntimeError("holds no numbers")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TonescopeError(f"the device “{device[:40]}” cannot be used on this machine; use --device cpu.") from error


def check_dtype(dtype: str) -> None:
    """Raise :class:`TonescopeError` for a precision that models are not loaded in."""
    if dtype not in DTYPES:
        raise TonescopeError(f"“{dtype[:40]}” is not a precision models can be loaded in; use {', '.join(DTYPES)}.")


def _quiet() -> None:
    """No bars for reading weights from disk; those for downloads stay."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    enable_progress_bars()


def load_generator(
    name: str = EMBEDDED, device: str = "cpu", dtype: str = "float32", adapter: str | None = None
) -> Generator:
    """Load a generator, with a PEFT adapter on top if one is named.

    Raises :class:`TonescopeError` when a name leads nowhere or to something else.
    """
    _quiet()
    check_dtype(dtype)
    found = find(name, "generator")
    model = _load_model(found, name, "generator", DTYPES[dtype])
    if adapter:
        model, name = add_adapter(model, adapter), f"{name} + {adapter}"
    tokenizer = _tokenizer(found, name)
    return Generator(
        model.to(device), tokenizer, name, float(found.side().get("longest_seconds", 30.0)), None if adapter else found.folder
    )  # fmt: skip


def load_vocabulary(name: str = EMBEDDED) -> Vocabulary | None:
    """The words a generator was trained on, for folders that say so."""
    words = find(name, "generator").side().get("words")
    return Vocabulary(frozenset(words)) if words else None


def judge_rows(name: str = EMBEDDED) -> list[dict[str, Any]]:
    """The labels that come with a judge (``label``, ``family``, ``aliases``); empty for one that brings none."""
    return list(find(name, "judge").side().get("labels", []))


def load_judge(name: str = EMBEDDED, labels: Sequence[str] = (), device: str = "cpu") -> Judge:
    """Load a judge choosing between ``labels`` (its own when it brings some). Raises :class:`TonescopeError` as above."""
    _quiet()
    found = find(name, "judge")
    model = _load_model(found, name, "judge", torch.float32)
    tokenizer = _tokenizer(found, name)
    extractor = _try(name, lambda: ClapFeatureExtractor.from_pretrained(found.source, **_arguments(found)))
    side = found.side()
    try:
        own, hearing, track = _hearing(side)
    except (KeyError, TypeError, ValueError) as error:
        raise TonescopeError(
            f"{name} has a {SIDE_FILE} that does not say what it should ({error}); save the model again, or delete the file."
        ) from error
    return Judge(
        model.to(device), tokenizer, extractor, name, own or labels, hearing, track, str(side.get("world", ""))
    )


def _hearing(side: dict[str, Any]) -> tuple[list[str], Hearing, Track | None]:
    """Labels, ways of asking, and record of a judge that says so about itself."""
    labels = [str(row["label"]) for row in side.get("labels", [])]
    hearing, track = Hearing(), None
    if "templates" in side:
        hearing = Hearing(
            tuple(side["templates"]),
            float(side["temperature"]),
            tuple(side["bias"]),
            float(side.get("meaning", Hearing.meaning)),
        )
    if "track" in side:
        kept = side["track"]
        clean, reconstructed = (tuple(tuple(row) for row in kept[part]) for part in ("clean", "reconstructed"))
        track = Track(tuple(labels), clean, reconstructed, float(kept["calibration_error"]))
    return labels, hearing, track
