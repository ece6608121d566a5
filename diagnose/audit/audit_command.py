"""The line that makes an audit again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.audit_job import AuditParameters
from tonescope.diagnose.jobs.parameters import Flag, marked
from tonescope.diagnose.report.pasteable import quoted
from tonescope.models.loading import EMBEDDED

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.work_items import ModelSpec

LEFT_OUT = ("dry_run", "sign", "shards", "memory_gib", "workers", "ray_address", "engine")
"""What decides nothing of what is found, or belongs to a machine or a person."""

NONE = "no command: the models were made in memory"


def command(parameters: AuditParameters, spec: ModelSpec | None) -> str:
    """The line; options that have their defaults are left out. :data:`NONE` where nothing says how the models are
    opened: a line without them would make a report on others."""
    if spec is None:
        return NONE
    words = ["tonescope", "audit"]
    for name, field in AuditParameters.model_fields.items():
        given = getattr(parameters, name)
        if name in LEFT_OUT or given == field.default or given is None:
            continue
        written = marked(field, Flag)
        flag = written.names[0] if written and written.names else f"--{name.replace('_', '-')}"
        text = f"{given:g}" if isinstance(given, float) else str(given)
        words += [flag] if given is True else [flag, quoted(text)]
    for flag, given in _models(spec):
        words += [flag, quoted(given)]
    return " ".join(words)


def _models(spec: ModelSpec) -> list[tuple[str, str]]:
    rows = [("--adapter", spec.adapter), ("--judge", spec.judge)]
    rows += [("--device", None if spec.device == "cpu" else spec.device)]
    rows += [("--dtype", None if spec.dtype == "float32" else spec.dtype)]
    rows += [("--labels", spec.labels), ("--calibration", None if spec.calibration == "auto" else spec.calibration)]
    rows += [("--denoising-steps", None if spec.denoising_steps is None else str(spec.denoising_steps))]
    rows += [("--shift", None if spec.shift is None else f"{spec.shift:g}"), ("--steer", spec.steer)]
    found = [(flag, given) for flag, given in rows if given is not None]
    if spec.model == EMBEDDED:
        return [(flag, given) for flag, given in found if (flag, given) != ("--judge", EMBEDDED)]
    return [("--model", spec.model), *found]
