"""The output folder: sound, trace, JSON and report, written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
from safetensors.torch import save_file
from torch import Tensor

from ...models.errors import TonescopeError
from ..diagnosis import Evidence
from ..result import Diagnosis


def check_folder(folder: Path, overwrite: bool = False) -> None:
    """Refuse a folder that cannot be written, or that holds something already, before any work is done."""
    if folder.exists() and not folder.is_dir():
        raise TonescopeError(f"{folder} is a file, so results cannot be put in it; name a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise TonescopeError(
            f"{folder} is not empty and nothing is overwritten unasked; name another folder or add --overwrite."
        )
    parent = folder.parent
    while not parent.exists():
        parent = parent.parent
    if (
        not parent.is_dir()
        or not os.access(parent, os.W_OK | os.X_OK)
        or (folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK))
    ):
        raise TonescopeError(f"{folder} cannot be written; choose a folder that you own.")


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of ``folder`` when the block ends well, and vanishes when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    filling = folder.parent / f".{folder.name}.{secrets.token_hex(4)}"
    filling.mkdir()
    try:
        yield filling
        if folder.exists():
            shutil.rmtree(folder)
        filling.rename(folder)
    finally:
        shutil.rmtree(filling, ignore_errors=True)


def write_audio(path: Path, waveform: Tensor, rate: int) -> None:
    """One take as 16-bit wav; samples beyond full scale are clipped."""
    soundfile.write(path, np.clip(waveform.numpy(), -1.0, 1.0), rate, subtype="PCM_16")


def write(folder: Path, diagnosis: Diagnosis, evidence: Evidence, labels: tuple[str, ...], rate: int) -> Diagnosis:
    """Write everything about a diagnosis into ``folder`` and return it with the names of its audio files filled in."""
    from .html import render

    with whole_folder(folder) as filling:
        (filling / "audio").mkdir()
        named = diagnosis.model_copy(deep=True)

        def put(name: str, waveform: Tensor) -> str:
            write_audio(filling / "audio" / name, waveform, rate)
            return f"audio/{name}"

        for index, take in enumerate(named.takes):
            take.audio = put(f"take-{take.seed}.wav", evidence.takes.waveform[index])
        if named.drivers.group and evidence.muted and evidence.control:
            named.drivers.group.audio = [
                put(f"take-{seed}-muted.wav", wave)
                for seed, wave in zip(evidence.muted.seeds, evidence.muted.waveform, strict=True)
            ]
            named.drivers.group.control_audio = [
                put(f"take-{seed}-random-muted.wav", wave)
                for seed, wave in zip(evidence.control.seeds, evidence.control.waveform, strict=True)
            ]
        tensors = {
            "codes": evidence.takes.codes.short().contiguous(), "posterior": evidence.posterior.contiguous(), "timeline": evidence.timeline.contiguous(),
            "effects/frames": evidence.attribution.frames.contiguous(), "effects/tokens": evidence.attribution.tokens.contiguous(),
            **{f"effects/{location}": effects.contiguous() for location, effects in evidence.attribution.units.items()},
        }  # fmt: skip
        save_file(tensors, filling / "trace.safetensors")
        (filling / "diagnosis.json").write_text(named.model_dump_json(indent=2), encoding="utf-8")
        (filling / "report.html").write_text(render(named, evidence, labels, rate), encoding="utf-8")
    return named
