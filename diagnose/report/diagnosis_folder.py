"""The output folder of a diagnosis: sound, trace, JSON and report."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors.torch import save_file

from tonescope.diagnose.jobs.diagnosis import Evidence
from tonescope.diagnose.report.html import render
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.report.whole_folder import whole_folder
from tonescope.diagnose.schema import Diagnosis, Trial
from tonescope.models.generator import Takes

LONGEST_SLUG = 60  # bytes


def slug(name: str) -> str:
    """A variant's name as part of a file name: letters, digits and hyphens of any script, nothing that leads elsewhere.

    A long one is cut, and what was cut off tells it apart by its digest.
    """
    plain = "-".join("".join(char if char.isalnum() else " " for char in name).split())
    if len(plain.encode()) <= LONGEST_SLUG:
        return plain
    return f"{plain.encode()[:LONGEST_SLUG].decode(errors='ignore')}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def trials(diagnosis: Diagnosis) -> list[Trial]:
    """Every trial of a diagnosis."""
    group, drivers = diagnosis.drivers.group, diagnosis.drivers
    found = [group.muted, group.control, *(dose.trial for dose in group.doses)] if group else []
    singles = [trial for row in drivers.units for trial in (row.verified, row.control)]
    singles += [row.verified for row in drivers.words] + [diagnosis.blame.bare]
    return found + [trial for trial in singles if trial]


def write(folder: Path, diagnosis: Diagnosis, evidence: Evidence, labels: tuple[str, ...], sounds: Sounds) -> Diagnosis:
    """Write everything about a diagnosis into ``folder`` and return it with the names of its audio files filled in."""
    with whole_folder(folder) as filling:
        (filling / "audio").mkdir()
        named = diagnosis.model_copy(deep=True)

        def put(name: str, takes: Takes, index: int) -> str:
            sounds.write(filling / "audio" / name, takes, index)
            return f"audio/{name}"

        for rows, takes in ((named.takes, evidence.takes), (named.drivers.tested, evidence.played.clean.takes)):
            for index, take in enumerate(rows):
                take.audio = put(f"take-{take.seed}.wav", takes, index)
        for trial in trials(named):
            takes = evidence.played.outcomes[trial.variant].takes
            trial.audio = [
                put(f"take-{seed}-{slug(trial.variant)}.wav", takes, index) for index, seed in enumerate(takes.seeds)
            ]
        tensors = {
            "posterior": evidence.posterior, "timeline": evidence.timeline.posterior, "frames": evidence.attribution.frames, "tokens": evidence.attribution.tokens,
            **{str(location): effects for location, effects in evidence.attribution.units.items()},
        }  # fmt: skip
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, filling / "estimates.safetensors")
        if evidence.attribution.trace:
            evidence.attribution.trace.save(filling / "trace")
        (filling / "diagnosis.json").write_text(named.model_dump_json(indent=2), encoding="utf-8")
        for file in filling.glob("*.safetensors"):  # that library keeps files to their owner
            file.chmod((filling / "diagnosis.json").stat().st_mode)
        (filling / "report.html").write_text(render(named, evidence, labels, sounds), encoding="utf-8")
    return named
