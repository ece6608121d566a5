"""The header of a safetensors file: names, shapes and types of its tensors, known without reading one of them.

The format: eight bytes (little-endian length of the header), the header as JSON, then the tensors, one after the other
(https://github.com/huggingface/safetensors, "Format").
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tonescope.models.errors import TonescopeError

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = f"{WEIGHTS_FILE}.index.json"
LARGEST_HEADER = 100_000_000  # bytes; the format's own bound
FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
_LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class Header:
    """Tensors of one file, or of all files of a model.

    Attributes:
        shapes: the shape of each tensor, by name.
        types: the type of each tensor as the format names it (``F32``, ``BF16``, ...).
    """

    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, str]

    @property
    def elements(self) -> int:
        """Numbers in all tensors together."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def bytes(self, itemsize: int, whole: str = "") -> int:
        """Bytes of the floating-point tensors at ``itemsize`` bytes a number, at least four where names start with
        ``whole``."""
        total = 0
        for name, shape in self.shapes.items():
            if self.types[name] in FLOATS:
                size = max(itemsize, 4) if whole and name.startswith(whole) else itemsize
                total += math.prod(shape) * size
        return total

    def count(self, prefix: str) -> int:
        """How many modules are numbered below a prefix: two where there are ``prefix.0`` and ``prefix.1``."""
        start = f"{prefix}."
        found = {name[len(start) :].split(".", 1)[0] for name in self.shapes if name.startswith(start)}
        return sum(number.isdigit() for number in found)


def read(path: Path, what: str) -> Header:
    """The header of a file; ``what`` names it in messages.

    Raises :class:`TonescopeError` when the file is empty, cut off, no safetensors file, or only a pointer to one.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(_LFS))
            if start == _LFS:
                raise TonescopeError(
                    f"{what} is a Git LFS pointer and not the weights it stands for; run `git lfs pull` in its folder."
                )
            length = int.from_bytes(start[:8], "little")
            if size == 0:
                raise TonescopeError(
                    f"{what} is empty: saving or downloading it was cut off; save or download it again."
                )
            if size > 8 and (start[8:9] != b"{" or length > LARGEST_HEADER):
                raise _none(what)
            if 8 + length > size:
                raise _cut_off(what)
            file.seek(8)
            content = json.loads(file.read(length))
        return _header(content, what, size - 8 - length)
    except OSError as error:
        raise TonescopeError(f"{what} cannot be read ({error.strerror or error}); check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise _none(what) from error


def _header(content: Any, what: str, stored: int) -> Header:
    if not isinstance(content, dict):
        raise _none(what)
    shapes, types, end = dict[str, tuple[int, ...]](), dict[str, str](), 0
    for name, tensor in content.items():
        if name == "__metadata__":
            continue
        try:
            shape = tuple(int(length) for length in tensor["shape"])
            types[name], (first, last) = str(tensor["dtype"]), tensor["data_offsets"]
            fits = 0 <= int(first) <= int(last) and all(length >= 0 for length in shape)
        except (KeyError, TypeError, ValueError) as error:
            raise _none(what) from error
        if not fits:
            raise _none(what)
        shapes[name], end = shape, max(end, int(last))
    if end > stored:
        raise _cut_off(what)
    return Header(shapes, types)


def _cut_off(what: str) -> TonescopeError:
    return TonescopeError(
        f"{what} is cut off: it is shorter than its header says, so saving or downloading it did not finish; "
        "save or download it again."
    )


def _none(what: str) -> TonescopeError:
    return TonescopeError(f"{what} is no safetensors file, whatever its name says; save the model again.")


def of_model(folder: Path, name: str, weights: str = WEIGHTS_FILE) -> Header | None:
    """The tensors of a model in a folder, in the file ``weights`` or in all that its index names; ``None`` where it has
    no safetensors.

    Raises :class:`TonescopeError` when a file is missing, lies elsewhere, or cannot be read.
    """
    index = f"{weights}.index.json"
    parts = _parts(folder, name, index) if (folder / index).is_file() else []
    if (folder / weights).is_file():  # transformers reads this one, whatever an index beside it says
        return read(folder / weights, f"{name} could not be loaded: its {weights}")
    if not parts:
        return None
    shapes, types = dict[str, tuple[int, ...]](), dict[str, str]()
    for part in parts:
        if not (folder / part).is_file():
            raise TonescopeError(
                f"{name} is not whole: {part[:80]}, one of its {len(parts)} weight files, is missing; add it."
            )
        header = read(folder / part, f"{name} could not be loaded: its {part}")
        shapes.update(header.shapes)
        types.update(header.types)
    return Header(shapes, types)


def _parts(folder: Path, name: str, index_file: str) -> list[str]:
    """The files that an index names. Raises :class:`TonescopeError` for one that lies elsewhere."""
    try:
        index = json.loads((folder / index_file).read_text(encoding="utf-8"))
        parts = sorted({str(part) for part in index["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TonescopeError(
            f"{name} could not be loaded: its {index_file} cannot be read; save the model again."
        ) from error
    if strange := [part for part in parts if Path(part).name != part]:
        raise TonescopeError(
            f"{name} could not be loaded: its weights lie outside its folder ({strange[0][:80]}); save the "
            "model again, whole."
        )
    return parts
