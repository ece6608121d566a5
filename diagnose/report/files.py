"""The output folder of a diagnosis: sound, trace, JSON and report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from safetensors.torch import save_file
from torch import Tensor

from ..diagnosis import Evidence
from ..result import Diagnosis
from .folder import whole_folder
from .html import render


def write_audio(path: Path, waveform: Tensor, rate: int) -> None:
    """One take as 16-bit wav; samples beyond full scale are clipped."""
    soundfile.write(path, np.clip(waveform.numpy(), -1.0, 1.0), rate, subtype="PCM_16")


def write(folder: Path, diagnosis: Diagnosis, evidence: Evidence, labels: tuple[str, ...], rate: int) -> Diagnosis:
    """Write everything about a diagnosis into ``folder`` and return it with the names of its audio files filled in."""
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
