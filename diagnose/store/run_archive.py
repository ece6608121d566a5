"""A run as one file, to be sent to somebody: a zip archive of its files, with a manifest that has a digest of each.

What comes from somebody else is not trusted. An archive holds exactly the files that its manifest lists, under the
names that Tonescope gives to the files of a run, unpacked to no more bytes than are listed, and with their digests;
what it shows is held against :mod:`tonescope.diagnose.report.view_data`. Nothing is kept of one that fails.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.report.atomic_folder import whole_folder
from tonescope.diagnose.report.view_data import BADGES, check_foreign
from tonescope.diagnose.store.run_files import (
    AUDIO,
    RESULT,
    SOUND_ENDING,
    VIEWS,
    RunFiles,
    parsed,
)
from tonescope.diagnose.store.run_list import Run, is_name, new_name
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError

FORMAT = 1
MANIFEST = "tonescope-run.json"
MOST_BYTES = 2 * 2**30  # of a run, unpacked
MOST_TEXT = 64 * 2**20  # of a JSON file in it
MOST_DIRECTORY = 2**20  # of the archive's own list, which is read at once: about 10,000 files
LONGEST_SOUND = 600  # seconds
LONGEST_TEXT = 20_000  # characters of a title, or of a sentence
CHUNK = 2**20
SENT = ("name", "job", "parameters", "models", "title", "sentence", "created", "started", "ended")
"""What is sent of a run: neither whose it is, nor who worked on it."""
# Parameters that mean nothing elsewhere.
OF_THIS_MACHINE = ("known", "memory_gib", "second_judge", "engine", "ray_address", "workers", "shards")
FILES_HERE = ("design", "library", "files", "metadata", "variants")  # of which is sent that there were some

_FILE = re.compile(rf"{re.escape(VIEWS)}|{re.escape(RESULT)}|{AUDIO}/[0-9]{{1,6}}{re.escape(SOUND_ENDING)}")
_SEALED = (1980, 1, 1, 0, 0, 0)  # the date of every entry: the same run is the same file
_END = struct.Struct("<4s8xI4xH")  # what ends an archive: signature, length of its list, length of a comment
_LOCATOR = b"PK\6\7" + bytes(16)  # what stands before that in archives of more than 4 GiB
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def export_run(workspace: Workspace, name: str, target: Path, *, overwrite: bool = False) -> Path:
    """Write a run that ended well to one file, whole or not at all.

    Raises:
        TonescopeError: there is no such run, it did not end well, something is at ``target`` already and is not to be
            overwritten, or the disk refuses.
    """
    run, target = workspace.runs.get(name), target.expanduser()
    if run.state != "done":
        raise TonescopeError(f"the run {name} is {run.state}, and only one that is done can be exported.")
    final = workspace.files(name).final
    names = [VIEWS, RESULT, *sorted(stored.file for stored in workspace.content(name).sounds.files.values())]
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        if target.is_dir() or (target.exists() and not overwrite):
            raise TonescopeError(f"{target} is there already, and nothing is overwritten unasked; name another file.")
        try:
            with beside.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                listed = {each: _listed(final / each) for each in names}
                sent = {each: getattr(run, each) for each in SENT}
                sent["badge"] = run.badge
                sent["parameters"] = {
                    name: "elsewhere" if value and name in FILES_HERE else value
                    for name, value in run.parameters.items()
                    if name not in OF_THIS_MACHINE
                }
                manifest = {"format": FORMAT, "written_by": "tonescope", "run": sent, "files": listed}
                archive.writestr(zipfile.ZipInfo(MANIFEST, _SEALED), json.dumps(manifest, indent=1))
                for each in names:
                    packed = zipfile.ZipInfo(each, _SEALED)
                    packed.compress_type = zipfile.ZIP_STORED if each.endswith(SOUND_ENDING) else zipfile.ZIP_DEFLATED
                    archive.writestr(packed, (final / each).read_bytes())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TonescopeError(
            f"{target} could not be written ({reason}); free some space, or name another file."
        ) from error
    return target


def import_run(workspace: Workspace, source: Path, *, owner: str = "") -> Run:
    """Put a run that was exported on the list of a workspace, all of it or nothing.

    It keeps its name, and with that its link, unless that is taken here.

    Raises:
        TonescopeError: the file cannot be read, is no such archive, or is not as it was written.
    """
    source = source.expanduser()
    with _told(source), _opened(source) as file, zipfile.ZipFile(file) as archive:
        manifest = _manifest(archive, source)
        entries = _entries(archive, manifest, source)
        sent = _sent(manifest, source)
        files = _claimed(workspace, sent.name)
        try:
            with whole_folder(files.final) as filling:
                (filling / AUDIO).mkdir()
                for entry in entries:
                    _unpack(archive, entry, manifest["files"][entry.filename], filling, source)
                _check(sent, filling, source)
            return workspace.runs.add(replace(sent, name=files.folder.name, owner=owner, state="done", share=1.0))
        except BaseException:
            files.delete()
            raise


def _listed(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _claimed(workspace: Workspace, name: str) -> RunFiles:
    """An empty folder for a run, of this name if that is one and not taken."""
    if is_name(name) and workspace.runs.find(name) is None:
        with suppress(FileExistsError):
            files = workspace.files(name)
            files.folder.mkdir(mode=0o700)
            return files
    files = workspace.files(new_name())
    files.folder.mkdir(mode=0o700)
    return files


# --- what somebody sent -----------------------------------------------------------------------------------------------


def _altered(source: Path, why: str) -> TonescopeError:
    return TonescopeError(
        f"{str(source)[:200]} is no run as Tonescope exports it ({why}); nothing was imported: ask for another export."
    )


@contextmanager
def _opened(source: Path) -> Iterator[IO[bytes]]:
    """The file itself: never a device or a pipe, on which reading waits."""
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - it is open already
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _altered(source, "it is no file")
        _check_directory(file, source)
        yield file


def _check_directory(file: IO[bytes], source: Path) -> None:
    """Refuse what does not end as our archives do, or has a list that would fill the memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - len(_LOCATOR) - _END.size))
    before, end = file.read(len(_LOCATOR)), file.read()
    file.seek(0)
    if len(end) != _END.size or before.startswith(_LOCATOR[:4]):
        raise _altered(source, "it is no zip archive, or one of another kind")
    signature, length, comment = _END.unpack(end)
    if signature != b"PK\5\6" or comment or length > MOST_DIRECTORY:
        raise _altered(source, "it is no zip archive, or one of another kind")


@contextmanager
def _told(source: Path) -> Iterator[None]:
    """What reading an archive comes up with, as one sentence."""
    try:
        yield
    except OSError as error:
        raise TonescopeError(
            f"{str(source)[:200]} cannot be imported ({error.strerror or error}); name a file that is there and yours, "
            "or free some space."
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _altered(source, str(error)[:80] or type(error).__name__) from error


def _manifest(archive: zipfile.ZipFile, source: Path) -> dict[str, Any]:
    """What the archive says of itself, and that this version can read it."""
    found = [entry for entry in archive.infolist() if entry.filename == MANIFEST]
    if len(found) != 1:
        raise _altered(source, f"it has no {MANIFEST}")
    if any(entry.compress_type not in _PACKED or entry.flag_bits & 1 for entry in archive.infolist()):
        raise _altered(source, "it is packed in another way")
    try:
        data = json.loads(_read(archive, found[0], MOST_TEXT))
        version, files = data["format"], data["files"]
        if not isinstance(version, int) or not isinstance(files, dict):
            raise ValueError("its manifest is none")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _altered(source, f"its manifest cannot be read: {str(error)[:60]}") from error
    if version != FORMAT:
        raise TonescopeError(
            f"{str(source)[:200]} was exported by a newer Tonescope (format {version}); update Tonescope to import it."
        )
    return dict(data)


def _entries(archive: zipfile.ZipFile, manifest: Mapping[str, Any], source: Path) -> list[zipfile.ZipInfo]:
    """The files of the archive, which have to be those of the manifest and nothing else."""
    entries = [entry for entry in archive.infolist() if entry.filename != MANIFEST]
    names, total = [entry.filename for entry in entries], 0
    for entry in entries:
        if not _FILE.fullmatch(entry.filename):
            raise _altered(source, f"“{entry.filename[:60]}” is no file of a run")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _altered(source, f"“{entry.filename}” is a link, or something else that is no file")
    if len(set(names)) < len(names) or set(names) != set(manifest["files"]):
        raise _altered(source, "its files are not those of its list")
    for each in manifest["files"].values():
        if not isinstance(each, dict) or not isinstance(each.get("bytes"), int) or each["bytes"] < 0:
            raise _altered(source, "its list has no sizes")
        total += each["bytes"]
    if total > MOST_BYTES:
        raise _altered(source, f"unpacked it would take {total / 2**30:.1f} GiB")
    return entries


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """What an entry holds. Raises ``ValueError`` for more than ``most`` bytes, whatever its header says."""
    with archive.open(entry) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{entry.filename} is larger than it says")
    return data


def _unpack(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, listed: Mapping[str, Any], folder: Path, source: Path
) -> None:
    if entry.filename in (VIEWS, RESULT) and listed["bytes"] > MOST_TEXT:
        raise _altered(source, f"{entry.filename} would take {listed['bytes'] / 2**20:.0f} MiB")
    digest, left = hashlib.sha256(), int(listed["bytes"])
    with archive.open(entry) as packed, (folder / entry.filename).open("xb") as file:
        while chunk := packed.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                break
            digest.update(chunk)
            file.write(chunk)
    if left != 0 or digest.hexdigest() != listed.get("sha256"):
        raise _altered(source, f"{entry.filename} was altered")


def _sent(manifest: Mapping[str, Any], source: Path) -> Run:
    """The run that the manifest tells of."""
    sent = manifest.get("run")
    texts = ("name", "job", "models", "title", "sentence")
    times = ("created", "started", "ended")
    if not isinstance(sent, dict) or not isinstance(sent.get("parameters"), dict):
        raise _altered(source, "it does not say what was asked")
    if not all(isinstance(sent.get(each), str) and len(sent[each]) <= LONGEST_TEXT for each in texts):
        raise _altered(source, "it does not say what was found")
    if not all(isinstance(sent.get(each), int | float) and 0 <= sent[each] < 1e11 for each in times):
        raise _altered(source, "it does not say when")
    if job_registry.find(sent["job"]) is None:
        raise TonescopeError(
            f"{str(source)[:200]} holds a run of “{sent['job'][:40]}”, which this Tonescope does not have; update it."
        )
    badge = sent.get("badge") if sent.get("badge") in BADGES else ""  # older ones have none
    return Run(**{each: sent[each] for each in SENT}, badge=str(badge))


def _check_kind(run: Run, result: Any, source: Path) -> None:
    """What was asked and what was found are what the job asks and finds: pages read both."""
    row = job_registry.find(run.job)
    job = row.load() if row else None
    try:
        for kind, data in ((job.parameters, run.parameters), (job.result(), result)) if job else ():
            kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))[:60]
        raise _altered(source, f"its {where} is not what {run.job} of this version has there") from error


def _check(run: Run, folder: Path, source: Path) -> None:
    """What can be shown is what Tonescope shows, every sound of it can be played, and the result is one of the job."""
    import soundfile

    content = parsed((folder / VIEWS).read_text(encoding="utf-8"), folder, is_whole=True)
    check_foreign(content.views)
    _check_kind(run, json.loads((folder / RESULT).read_text(encoding="utf-8")), source)
    for stored in content.sounds.files.values():
        path = folder / stored.file
        if not path.is_file():
            raise _altered(source, f"{stored.file} is missing")
        about = soundfile.info(path)
        is_take = about.format == "FLAC" and about.samplerate == content.sounds.rate and about.channels <= 2
        if not is_take or about.duration > LONGEST_SOUND:
            raise _altered(source, f"{stored.file} is no take")
