"""From a name to a model: ``embedded``, a local folder, or a Hub id (``owner/name`` or ``owner/name@revision``).

Weights are read from safetensors only and no code from a repository is run.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils.tqdm import enable_progress_bars
from transformers import AutoConfig, AutoTokenizer, ClapFeatureExtractor, PreTrainedModel
from transformers.utils import logging as transformers_logging

from . import names, side, versions
from .adapters import add_adapter
from .errors import TonescopeError
from .families import FAMILIES
from .generator import Generator
from .judge import Hearing, Judge, Track
from .vocabulary import Vocabulary

EMBEDDED = "embedded"
HUB_JUDGE = "laion/larger_clap_music"
MODEL_TYPES = {
    "generator": {family.model_type: family.model_class for family in FAMILIES},
    "judge": {"clap": "ClapModel"},
}
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


# What a download brings: weights in safetensors, and the small files around them.
WANTED = ("*.json", "*.safetensors", "*.txt", "*.model")
PICKLE = "pytorch_model.bin"
# Made anew whenever a model is built, or never read: their absence changes nothing.
DERIVED = ("codebook.inited", "codebook.cluster_size", "codebook.embed_avg", "position_ids", "relative_position_index")


def find(name: str, kind: str) -> Path:
    """The folder that a name leads to, downloaded if need be. ``kind`` is ``generator`` or ``judge``.

    Raises :class:`TonescopeError` for what cannot be one.
    """
    if name == EMBEDDED:
        folder = Path(str(resources.files(__package__))) / "embedded" / kind
        if not (folder / "config.json").is_file():
            raise TonescopeError(
                f"the embedded {kind} is not in this installation; reinstall Tonescope, or name another one with --{names.OPTIONS[kind]}."
            )
        return folder
    if path := names.folder(name):
        _check_files(path, name)
        return path
    repository = names.hub_id(name)
    if repository is None:
        raise TonescopeError(
            f"there is no {kind} called “{name[:80]}”: give “{EMBEDDED}”, a folder, or a Hub id such as {'facebook/musicgen-small' if kind == 'generator' else HUB_JUDGE}."
        )
    path = names.download(name, kind, *repository, WANTED)
    # Of the judge that everyone needs, a pickle will do where its publisher offers nothing else; it is read without running code.
    if repository[0] == HUB_JUDGE and not any(path.glob("*.safetensors")):
        return names.download(name, kind, *repository, (*WANTED, PICKLE))
    _check_files(path, name)
    return path


def _check_files(path: Path, name: str) -> None:
    """Refuse a folder that is no model, holds pickles only, or whose weights lie elsewhere."""
    if not (path / "config.json").is_file():
        raise TonescopeError(
            f"{name} is a folder without a config.json, so it is not a model; give the folder that save_pretrained wrote."
        )
    weights = {suffix for suffix in (".safetensors", ".bin", ".pt", ".pth", ".ckpt") if any(path.glob(f"*{suffix}"))}
    if ".safetensors" not in weights:
        what = "holds only pickled weights, which can run code when they are opened" if weights else "holds no weights"
        raise TonescopeError(
            f"{name} {what}; save the model again with save_pretrained (it writes safetensors) and give that folder."
        )
    for index in path.glob("*.safetensors.index.json"):
        parts = _try(
            name, lambda index=index: set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        )  # type: ignore[misc]
        if strange := sorted(part for part in parts if Path(str(part)).name != part):
            raise TonescopeError(
                f"{name} could not be loaded: its weights lie outside its folder ({strange[0]}); save the model again, whole."
            )


def _load_model(folder: Path, name: str, kind: str, dtype: torch.dtype) -> PreTrainedModel:
    """The model in a folder, in the class its configuration names, if that is one we know."""
    config = _try(name, lambda: AutoConfig.from_pretrained(folder, trust_remote_code=False))
    classes = MODEL_TYPES[kind]
    if config.model_type not in classes:
        known = " or ".join(f"“{model_type}”" for model_type in classes)
        raise TonescopeError(
            f"{name} is a “{config.model_type}” model and cannot be used as the {kind}, which has to be a {known} model."
        )
    model_class = getattr(transformers, classes[config.model_type])
    safe = any(folder.glob("*.safetensors"))
    model, outcome = _try(
        name,
        lambda: model_class.from_pretrained(
            folder, use_safetensors=safe, weights_only=True, dtype=dtype, trust_remote_code=False, output_loading_info=True
        ),
    )  # fmt: skip
    weights = model.state_dict()
    if lost := sorted(key for key in outcome["missing_keys"] if key in weights and not key.endswith(DERIVED)):
        raise TonescopeError(
            f"{name} could not be loaded: its file lacks {len(lost)} of its weights, {lost[0]} for one, and made-up ones would take their place; save the model again, whole."
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
    if "ignore_mismatched_sizes" in lowered:
        return "its weights have other shapes than its config.json says; save the model again, whole."
    first = text.strip().splitlines()[0][:200] if text.strip() else type(error).__name__
    return f"{first.rstrip('.')}; check that the folder is whole."


def _tokenizer(folder: Path, name: str) -> Any:
    """The tokenizer of a model.

    Where its files are missing, transformers makes an empty one up and every word becomes the same unknown piece; refuse that.
    """
    tokenizer = _try(name, lambda: AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
    if not tokenizer.is_fast:
        raise TonescopeError(
            f"{name} could not be loaded: its tokenizer cannot say which letters a token spells, so words could not be told apart; save a fast tokenizer (tokenizer.json) into the same folder."
        )
    if tokenizer.pad_token_id is None:
        raise TonescopeError(
            f"{name} could not be loaded: its tokenizer has no padding token, so prompts of different length cannot be read together; set pad_token and save the tokenizer again."
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
    """Load a generator, with a PEFT adapter on top if one is named. Warns where libraries run that were not tested.

    Raises :class:`TonescopeError` when a name leads nowhere or to something else.
    """
    _quiet()
    if notice := versions.notice():
        warnings.warn(notice, versions.UntestedVersion, stacklevel=2)
    check_dtype(dtype)
    folder = find(name, "generator")
    model, about = _load_model(folder, name, "generator", DTYPES[dtype]), side.read(folder)
    if adapter:
        model, name = add_adapter(model, adapter), f"{name} + {adapter}"
    tokenizer = _tokenizer(folder, name)
    made: Generator = _try(
        name, lambda: Generator(model.to(device), tokenizer, name, about.longest_seconds, None if adapter else folder)
    )
    return made


def load_vocabulary(name: str = EMBEDDED) -> Vocabulary | None:
    """The words a generator was trained on, for folders that say so."""
    words = side.read(find(name, "generator")).words
    return Vocabulary(frozenset(words)) if words else None


def judge_rows(name: str = EMBEDDED) -> list[dict[str, Any]]:
    """The labels that come with a judge (``label``, ``family``, ``aliases``); empty for one that brings none."""
    return [row.model_dump() for row in side.read(find(name, "judge")).labels]


def load_judge(name: str = EMBEDDED, labels: Sequence[str] = (), device: str = "cpu") -> Judge:
    """Load a judge choosing between ``labels`` (its own when it brings some). Raises :class:`TonescopeError` as above."""
    _quiet()
    folder = find(name, "judge")
    model, about = _load_model(folder, name, "judge", torch.float32), side.read(folder)
    tokenizer = _tokenizer(folder, name)
    extractor = _try(name, lambda: ClapFeatureExtractor.from_pretrained(folder))
    own = tuple(row.label for row in about.labels)
    hearing = Hearing(tuple(about.templates) or Hearing.templates, about.temperature, tuple(about.bias), about.meaning)
    track = Track(own, **about.track.model_dump()) if about.track else None
    made: Judge = _try(
        name, lambda: Judge(model.to(device), tokenizer, extractor, name, own or labels, hearing, track, about.world)
    )
    return made


def fingerprint(model: PreTrainedModel) -> str:
    """Tells apart models that share a name (another revision, another adapter): a stretch of every weight."""
    digest = hashlib.sha256(str(model.dtype).encode())
    for name, weight in sorted(model.named_parameters()):
        flat = weight.detach().flatten()
        middle = len(flat) // 2
        digest.update(name.encode() + flat[middle : middle + 64].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
