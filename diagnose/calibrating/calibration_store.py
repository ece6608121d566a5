"""Where calibrations are kept, and which one a judge gets.

One file a judge, in the folder of the user's data, under the key of the judge's identity; a judge's own folder may
bring one. That of the user comes first.
"""

from __future__ import annotations

from pathlib import Path

from tonescope.diagnose.store.workspace import default_folder
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.fitted_calibration import FILE, FittedCalibration, JudgeIdentity
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.two_towers import TwoTowers

FOLDER, ENDING = "calibrations", ".safetensors"
AUTO, NONE = "auto", "none"


def kept_file(judge: JudgeIdentity) -> Path:
    """Where the calibration of a judge is kept. Raises :class:`TonescopeError` where nobody has a home."""
    return default_folder() / FOLDER / f"{judge.key}{ENDING}"


def keep(fitted: FittedCalibration) -> Path:
    """Keep a calibration for its judge, in the place of one that was there. Raises :class:`TonescopeError`."""
    path = kept_file(fitted.card.judge)
    fitted.save(path)
    return path


def find_file(judge: JudgeIdentity, brought: Path | None = None) -> Path | None:
    """The file of a judge's calibration: the user's, or that which is ``brought`` in the judge's folder."""
    try:
        kept = kept_file(judge)
    except TonescopeError:
        kept = None
    if kept is not None and kept.is_file():
        return kept
    own = brought / FILE if brought is not None and brought.is_dir() else None
    return (
        own if own is not None and own.is_file() and FittedCalibration.load(own).card.judge.key == judge.key else None
    )


def calibrate(judge: Judge, named: str, brought: Path | None = None) -> Path | None:
    """Let a judge hear as a calibration says.

    Args:
        named: a file, :data:`AUTO` for the one that belongs to this judge, if there is one, or :data:`NONE`.
        brought: the judge's own folder.

    Returns:
        The file that was used, if one was.

    Raises:
        TonescopeError: the file is none, or of another judge.
    """
    if named == NONE:
        return None
    if not isinstance(judge, TwoTowers):
        if named == AUTO:
            return None
        raise TonescopeError(
            f"{judge.name} ({judge.description}) embeds no audio, so no calibration fits it; leave --calibration out."
        )
    if named != AUTO:
        judge.calibrate(FittedCalibration.load(Path(named).expanduser()))
        return Path(named).expanduser()
    path = find_file(judge.identity, brought)
    if path is None:
        return None
    try:
        judge.calibrate(FittedCalibration.load(path))
    except TonescopeError as error:
        raise TonescopeError(
            f"the calibration that is kept for {judge.name} cannot be used ({path}); delete it, run tonescope judge "
            f"calibrate again, or add --calibration {NONE}."
        ) from error
    return path
