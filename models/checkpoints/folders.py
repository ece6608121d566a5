"""The folder that a name leads to, and what lies in it. Nothing heavy is imported: a wrong name is told at once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from tonescope.models import registry
from tonescope.models.checkpoints import headers, sources
from tonescope.models.errors import TonescopeError

EMBEDDED, EMBEDDED_FLOW = "embedded", "embedded-flow"
OURS = (EMBEDDED, EMBEDDED_FLOW)  # generators that are shipped, whose world of sound the embedded judge knows
HUB_JUDGE = "laion/larger_clap_music"
MUSICNN = ("musicnn-msd", "musicnn-mtt")  # the taggers that are shipped
# What can be named instead of what was.
OFFERED = {
    "generator": f"“{EMBEDDED}”, “{EMBEDDED_FLOW}”, a folder, or a Hub id such as facebook/musicgen-small",
    "judge": f"“{EMBEDDED}”, a folder, or a Hub id such as {HUB_JUDGE}",
    "tagger": f"“{MUSICNN[0]}”, “{MUSICNN[1]}”, or a folder",
}
# The models that are shipped, by kind and name, and the folder of each.
SHIPPED = {
    ("generator", EMBEDDED): "generator",
    ("generator", EMBEDDED_FLOW): "flow_generator",
    ("judge", EMBEDDED): "judge",
    **{("tagger", name): name.replace("-", "_") for name in MUSICNN},
}
CONFIG_FILE, PIPELINE_FILE = "config.json", "model_index.json"
ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
# What a download brings: weights in safetensors, and the small files around them.
WANTED = ("*.json", "*.safetensors", "*.txt", "*.model")
PICKLE = "pytorch_model.bin"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
# Judges as the laion-clap package saves them: one pickle, of which weights alone are read, without running code.
LAION_CLAP, LAION_CLAP_SUFFIX = "laion_clap", ".pt"
STABLE_AUDIO_TOOLS = "model_config.json"
AUDIOCRAFT = ("state_dict.bin", "compression_state_dict.bin")
# Small files that transformers reads, passing over some of them where they are none.
OBJECTS = (
    CONFIG_FILE,
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)


def find(name: str, kind: str) -> Path:
    """The folder that a name leads to, downloaded if need be. ``kind`` is ``generator``, ``judge`` or ``tagger``.

    A judge may be a single file, as laion-clap saves them; then that is the path.

    Raises :class:`TonescopeError` for what cannot be one.
    """
    if not name.strip():
        raise _empty(sources.OPTIONS[kind], OFFERED[kind])
    if shipped := SHIPPED.get((kind, name)):
        folder = Path(str(resources.files("tonescope.models"))) / "embedded" / shipped
        if not any((folder / file).is_file() for file in (CONFIG_FILE, PIPELINE_FILE)):
            raise TonescopeError(
                f"the embedded {kind} is not in this installation; reinstall Tonescope, or name another one with "
                f"--{sources.OPTIONS[kind]}."
            )
        return folder
    if kind == "judge" and (checkpoint := _laion_clap(name)):
        return checkpoint
    if given := sources.folder(name):
        return _checked(given, name, kind)
    repository = sources.hub_id(name)
    if repository is None:
        if sources.is_file(name):
            raise TonescopeError(f"{name[:200]} is a file and a {kind} is a folder; give the folder that it lies in.")
        raise TonescopeError(f"{_nowhere(name, kind)}: give {OFFERED[kind]}.")
    path = sources.download(name, kind, *repository, WANTED)
    # Of the judge that everyone needs, a pickle will do where its publisher offers nothing else.
    # It is read without running code.
    if repository[0] == HUB_JUDGE and not any(path.glob("*.safetensors")):
        return sources.download(name, kind, *repository, (*WANTED, PICKLE))
    return _checked(path, name, kind)


def _nowhere(name: str, kind: str) -> str:
    """That a name leads nowhere; one that is written as a path was meant as a folder."""
    path = "/" in name or name.startswith((".", "~"))
    return f"there is no folder “{name[:200]}”, so no {kind}" if path else f"there is no {kind} called “{name[:80]}”"


def _laion_clap(name: str) -> Path | None:
    """The checkpoint of laion-clap that a name leads to, if it is one or a folder that holds one and no other model.

    Raises :class:`TonescopeError` for a folder with several.
    """
    folder = sources.folder(name)
    if folder is None:
        path = Path(name).expanduser() if sources.is_file(name) else None
        return path if path and path.suffix == LAION_CLAP_SUFFIX and path.is_file() else None
    if any((folder / file).exists() for file in (CONFIG_FILE, PIPELINE_FILE, ADAPTER_CONFIG_FILE)):
        return None
    files = sorted(file for file in folder.glob(f"*{LAION_CLAP_SUFFIX}") if file.is_file())
    if len(files) > 1:
        raise TonescopeError(
            f"{name} holds {len(files)} checkpoints, {files[0].name} for one, so it does not say which of them is "
            "meant; give the file."
        )
    return files[0] if files else None


def _checked(path: Path, name: str, kind: str) -> Path:
    attempt(name, lambda: check(path, name, kind))
    return path


def find_adapter(name: str) -> Path:
    """The folder that the name of an adapter leads to, downloaded if need be.

    Raises :class:`TonescopeError` when there is none, or when it is not whole.
    """
    if not name.strip():
        raise _empty("adapter", "the folder that save_pretrained wrote, or a Hub id, or leave the option out")
    path = sources.folder(name)
    if path is None:
        repository = sources.hub_id(name)
        if repository is None:
            raise TonescopeError(
                f"{_nowhere(name, 'adapter')}: give the folder that save_pretrained wrote, or a Hub id."
            )
        path = sources.download(name, "adapter", *repository, (ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE))
    if not (path / ADAPTER_CONFIG_FILE).is_file() and (path / headers.WEIGHTS_FILE).is_file():
        raise TonescopeError(f"{name} is a whole model and no adapter; use --model {shlex.quote(name)}.")
    for file in (ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE):
        if not (path / file).is_file():
            raise TonescopeError(
                f"the adapter {name} has no {file}; save it again with save_pretrained, which writes both "
                "(pickled weights are not opened)."
            )
    read_object(path / ADAPTER_CONFIG_FILE, f"the adapter {name}")
    return path


def _empty(option: str, instead: str) -> TonescopeError:
    return TonescopeError(f"--{option} was given nothing (a variable of the shell that is empty?); give {instead}.")


def check(path: Path, name: str, kind: str) -> None:
    """Raise :class:`TonescopeError` for a folder that is no model, or another one, or pickled, or not whole."""
    is_adapter = (path / ADAPTER_CONFIG_FILE).is_file()
    has_weights = any(file.name != ADAPTER_WEIGHTS_FILE for file in path.glob("*.safetensors"))
    pickles = [file.name for file in path.iterdir() if file.suffix in PICKLES]
    if is_adapter and has_weights:
        raise TonescopeError(
            f"{name} holds a whole model and an adapter ({ADAPTER_CONFIG_FILE}), so it does not say which of "
            "them is meant; "
            "move one of them into a folder of its own."
        )
    if is_adapter:
        raise _is_adapter(path, name, kind)
    if any(file in pickles for file in AUDIOCRAFT):
        raise TonescopeError(
            f"{name} is a model as audiocraft saves it (pickled "
            f"{' and '.join(file for file in AUDIOCRAFT if file in pickles)}); "
            "convert it with transformers' convert_musicgen_transformers.py (--checkpoint, --pytorch_dump_folder) "
            "and give the folder that it writes."
        )
    if (path / STABLE_AUDIO_TOOLS).is_file() and not (path / PIPELINE_FILE).is_file():
        raise TonescopeError(
            f"{name} is a model as stable-audio-tools saves it ({STABLE_AUDIO_TOOLS}); give the pipeline of diffusers "
            f"that is published beside it (a folder with {PIPELINE_FILE})."
        )
    if not (path / CONFIG_FILE).is_file() and not (path / PIPELINE_FILE).is_file():
        raise TonescopeError(
            f"{name} is a folder without a {CONFIG_FILE}, so it is not a model; give the folder that "
            "save_pretrained wrote."
        )
    registry.row(model_type(path, name), kind, name)
    for file in OBJECTS:
        if (path / file).is_file():
            read_object(path / file, name)
    if not (path / PIPELINE_FILE).is_file() and headers.of_model(path, name) is None:
        what = "holds no weights"
        if has_weights:
            what = f"holds no {headers.WEIGHTS_FILE} and no {headers.INDEX_FILE}"
        elif pickles:
            what = "holds only pickled weights, which can run code when they are opened"
        raise TonescopeError(
            f"{name} {what}; save the model again with save_pretrained (it writes safetensors) and give that folder."
        )


def _is_adapter(path: Path, name: str, kind: str) -> TonescopeError:
    base = read_object(path / ADAPTER_CONFIG_FILE, name).get("base_model_name_or_path")
    known = isinstance(base, str) and base.strip() and base.isprintable()
    of = f"of {base}" if known else "of a model that it does not name"
    if kind != "generator":
        return TonescopeError(
            f"{name} is an adapter {of} and no {kind}; name a whole model with --{sources.OPTIONS[kind]}."
        )
    model = shlex.quote(str(base)) if known else "MODEL"
    return TonescopeError(
        f"{name} is an adapter {of}, without the model's own weights; use --model {model} --adapter "
        f"{shlex.quote(name)}."
    )


def model_type(path: Path, name: str) -> str:
    """What a folder says that it holds: ``model_type``, or the class of a pipeline; of a file, what its name says.

    Raises :class:`TonescopeError` if it says nothing.
    """
    if path.suffix == LAION_CLAP_SUFFIX and path.is_file():
        return LAION_CLAP
    pipeline = (path / PIPELINE_FILE).is_file()
    file, key = (PIPELINE_FILE, "_class_name") if pipeline else (CONFIG_FILE, "model_type")
    content = read_object(path / file, name)
    stated = content.get(key, content.get("_class_name"))  # a part of a pipeline says that alone
    if not isinstance(stated, str) or not stated.isprintable():
        raise TonescopeError(
            f"{name} could not be loaded: its {file} names no {key}, so it is unknown what it is; save the model again."
        )
    return stated[:80]


def read_object(path: Path, name: str) -> dict[str, Any]:
    """A small JSON file that holds an object. Raises :class:`TonescopeError`, naming the file, for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TonescopeError(
            f"{name} could not be loaded: its {path.name} cannot be read as JSON; save it again, or restore that file."
        ) from error
    if not isinstance(content, dict):
        raise TonescopeError(
            f"{name} could not be loaded: its {path.name} does not hold an object {{…}}; save it again, or "
            "restore that file."
        )
    return content


def attempt(name: str, load: Callable[[], Any]) -> Any:
    """What ``load`` returns; any way in which a folder from anywhere can fail becomes one :class:`TonescopeError`."""
    try:
        return load()
    except (TonescopeError, MemoryError):
        raise
    except Exception as error:
        raise TonescopeError(f"{name} could not be loaded: {reason(error)}") from error


def reason(error: Exception) -> str:
    """Why something could not be loaded, and what to do, as the end of a sentence."""
    text = " ".join(str(error).split())
    lowered = text.lower()
    if "safetensors" in lowered and ("does not appear to have" in lowered or "no file named" in lowered):
        return (
            "it has no safetensors weights, and pickled ones can run code when they are opened; give a "
            "revision that has "
            "them (NAME@REVISION) or a folder saved with save_pretrained."
        )
    said = text[:200] if text and not isinstance(error, KeyError) else f"{type(error).__name__} {text[:200]}".strip()
    return f"{said.rstrip('.')}; check that the folder is whole."
