"""The line that makes an audit again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.diagnose.jobs.audit_job import AuditParameters
from tonescope.diagnose.jobs.parameters import Flag, marked
from tonescope.diagnose.report.pasteable import quoted

if TYPE_CHECKING:
    from tonescope.diagnose.runtime.work_items import ModelSpec

LEFT_OUT = ("dry_run", "sign", "shards", "memory_gib", "workers", "ray_address", "engine")
"""What decides nothing of what is found, or belongs to a machine or a person."""


def command(parameters: AuditParameters, spec: ModelSpec | None) -> str:
    """The line; options that have their defaults are left out."""
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


def _models(spec: ModelSpec | None) -> list[tuple[str, str]]:
    if spec is None:
        return []
    rows = [("--adapter", spec.adapter), ("--judge", spec.judge)]
    rows += [("--device", None if spec.device == "cpu" else spec.device)]
    rows += [("--dtype", None if spec.dtype == "float32" else spec.dtype)]
    rows += [("--labels", spec.labels), ("--calibration", None if spec.calibration == "auto" else spec.calibration)]
    found = [(flag, given) for flag, given in rows if given is not None]
    if spec.model == "embedded":
        return [(flag, given) for flag, given in found if given != "embedded"]
    return [("--model", spec.model), *found]
