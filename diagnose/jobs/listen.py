"""Hearing files that were made elsewhere: look at them, hear them, hold them against what was asked.

Nothing of the generator that made them is known. What is heard of a file is kept by its content, so that a run that is
stopped loses no more than the file it was at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tonescope.diagnose.audio_files.collecting import Collection, SoundFile, nothing_heard
from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.audio_files.sound_recording import Recording, digest, read_header, read_recording
from tonescope.diagnose.audit.known_folders import read_library
from tonescope.diagnose.calibrating.calibration_store import AUTO
from tonescope.diagnose.context import Context
from tonescope.diagnose.descriptors.repetition import spectral_frames
from tonescope.diagnose.elsewhere.adherence import adherence, genre_by_tags
from tonescope.diagnose.elsewhere.agreement import agreement
from tonescope.diagnose.elsewhere.asked_genres import asked_genres
from tonescope.diagnose.elsewhere.hear_file import Listeners, hear_recording
from tonescope.diagnose.elsewhere.heard_cache import HeardCache
from tonescope.diagnose.elsewhere.listen_schema import (
    FileResult,
    Heard,
    LeftOut,
    Listening,
    SurrogateTrace,
)
from tonescope.diagnose.elsewhere.prompt_wishes import wishes_of
from tonescope.diagnose.elsewhere.request_plan import read_answers
from tonescope.diagnose.elsewhere.shared_passages import FileLandmarks, shared_passages
from tonescope.diagnose.elsewhere.summary import caveats, counts_of, obeyed_of, summary
from tonescope.diagnose.elsewhere.surrogate_trace import check_surrogate, trace_through
from tonescope.diagnose.elsewhere.words_from_outside import Answer, compare_words
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.listen_job import JOB, ListenParameters
from tonescope.diagnose.jobs.parameters import made
from tonescope.diagnose.judging.intent import Intent, read_intent
from tonescope.diagnose.overused.landmarks import Landmarks
from tonescope.diagnose.runtime.judge_session import JudgeSession, open_second
from tonescope.diagnose.runtime.progress import Progress
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.store import provenance
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator

LOOKING = 0.05  # of the whole: headers and digests
USUAL_SECONDS = 30.0  # of a file that does not say how long it is


@dataclass(frozen=True)
class ListenRequest:
    """What is to be heard, and how.

    Attributes:
        collection: the files.
        prompt: what all of them were made from, where the table says nothing of each.
        variants: the table of a plan, or its folder, whose answers the files are.
        library: a folder of the user's own, in which passages of the files are looked for.
        second_judge: the name of another judge.
        surrogate: the name of an open generator that the files are put through.
        in_domain: whether the files are of the sounds that the judge knows.
        fresh: whether what was heard before is heard again.
    """

    collection: Collection
    prompt: str | None = None
    variants: Path | None = None
    library: Path | None = None
    second_judge: str | None = None
    surrogate: str | None = None
    in_domain: bool = False
    fresh: bool = False

    @classmethod
    def of(cls, parameters: ListenParameters) -> ListenRequest:
        """What a command asks for. Raises :class:`TonescopeError` for files that cannot be collected."""
        same = ("prompt", "variants", "library", "second_judge", "surrogate", "in_domain", "fresh")
        return cls(parameters.collection, **{name: getattr(parameters, name) for name in same})


@dataclass
class _Pending:
    """A file that is to be heard: its content, and how long it is about."""

    file: SoundFile
    digest: str
    seconds: float


@dataclass
class _Run:
    """What a run knows on its way."""

    request: ListenRequest
    session: JudgeSession
    listeners: Listeners
    surrogate: Context | None
    watch: Watch
    cache: HeardCache
    left_out: list[tuple[str, str]]
    files: list[FileResult] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    library: Mapping[str, Landmarks] = field(default_factory=dict)
    library_notes: list[str] = field(default_factory=list)
    landmarks: list[Landmarks] = field(default_factory=list)
    untraced: list[tuple[str, str]] = field(default_factory=list)

    @property
    def trusted(self) -> bool:
        """Whether the judge knows such sounds."""
        return self.request.in_domain or not self.listeners.judge.domain

    @property
    def all_trusted(self) -> bool:
        """Whether all judges do."""
        return self.request.in_domain or not any(judge.domain for judge in self.listeners.judges)

    @property
    def compares(self) -> bool:
        """Whether files are compared with one another, or with a library. The answers to a plan share seeds, and
        passages with them."""
        several = len(self.request.collection.files) > 1
        return self.request.variants is None and (several or self.request.library is not None)

    def tell(self, what: str, done: float) -> None:
        if self.watch.progress:
            self.watch.progress(what, done)


def listen(
    files: Sequence[str | Path] = (),
    *,
    prompt: str | None = None,
    metadata: str | Path | None = None,
    variants: str | Path | None = None,
    library: str | Path | None = None,
    judge: str = loading.EMBEDDED,
    labels: str | None = None,
    calibration: str = AUTO,
    second_judge: str | None = None,
    surrogate: str | None = None,
    in_domain: bool = False,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Listening:
    """Hear sound files, or folders of them.

    Args:
        files: files and folders; those of ``metadata``, if absent.
        prompt: what all of them were made from.
        metadata: a CSV or JSONL file with a row a file (``file_name``, ``prompt``).
        variants: the table of a plan (see :func:`tonescope.diagnose.jobs.plan.plan`), or its folder, whose answers are
            heard: tests the words of its prompt. It names the files and their prompts.
        library: a folder of sound files of your own, in which passages of the files are looked for.
        judge, second_judge: names of judges: ``embedded``, a folder, or a Hub id.
        labels: a label set that the judge chooses between, built in or a file.
        calibration: of the judge: a file, ``auto``, or ``none``.
        surrogate: the name of an open generator, to see which of its units respond.
        in_domain: whether the files are of the sounds that the judge knows.
        fresh: whether what was heard before is heard again.
        progress: told what is being done, and how much of the whole is done.

    Raises:
        TonescopeError: nothing can be heard; single files that cannot are listed in the result.
    """
    parameters = made(
        ListenParameters,
        {
            "files": [str(name) for name in files],
            "prompt": prompt,
            "metadata": None if metadata is None else Path(metadata),
            "variants": None if variants is None else Path(variants),
            "library": None if library is None else Path(library),
            "second_judge": second_judge,
            "surrogate": surrogate,
            "in_domain": in_domain,
            "fresh": fresh,
        },
    )
    JOB.check(parameters)
    session = JudgeSession.open(judge, labels=labels, calibration=calibration)
    return run(ListenRequest.of(parameters), session, Watch(progress))


def run(request: ListenRequest, session: JudgeSession, watch: Watch) -> Listening:
    """Hear everything that was collected. Raises :class:`TonescopeError` where nothing of it can be heard."""
    started = time.perf_counter()
    going = _prepared(request, session, watch)
    pending = _looked_at(going)
    _hear_all(going, pending)
    if not going.files:
        raise nothing_heard(going.left_out)
    going.tell("done", 1.0)
    words = None
    if request.variants is not None:
        missing = [name for name, _ in going.left_out]
        words = compare_words(read_answers(request.variants), going.answers, missing, judges=going.trusted)
    passages, held = None, dict[str, int]()
    if going.compares:
        passages, held = shared_passages(going.files, going.landmarks, going.library)
    found = Listening(
        made=date.today().isoformat(),
        versions=provenance.versions(),
        judges=[provenance.of_judge(judge) for judge in going.listeners.judges],
        domains={judge.name: judge.domain for judge in going.listeners.judges if judge.domain},
        summary="",
        files=going.files,
        left_out=[LeftOut(name=name, reason=reason) for name, reason in going.left_out],
        heard=counts_of(going.files) if going.trusted else {},
        obeyed=obeyed_of(going.files),
        agreement=agreement(going.files) if going.all_trusted else None,
        words=words,
        genres=asked_genres(going.files, session.judge, session.taxonomy) if going.trusted and words is None else None,
        passages=passages,
        library=held,
        surrogate=provenance.of_generator(going.surrogate.generator) if going.surrogate else None,
        caveats=[],
        timings={"listen": round(time.perf_counter() - started, 3)},
    )
    warned = caveats(going.listeners.judges, request.in_domain, found, going.untraced, going.cache.failed)
    return found.model_copy(update={"summary": summary(found), "caveats": [*warned, *going.library_notes]})


def _prepared(request: ListenRequest, session: JudgeSession, watch: Watch) -> _Run:
    judges, surrogate = [session.judge], None
    device = str(session.judge.device)
    if request.second_judge is not None:
        judges.append(open_second(request.second_judge, session.judge, session.taxonomy, device))
    if request.surrogate is not None:
        own: Generator | None = getattr(session, "generator", None)  # an app has one already
        is_own = own is not None and own.name == request.surrogate
        generator = own if own and is_own else loading.load_generator(request.surrogate, device)
        check_surrogate(generator)
        whole = Session(generator, session.judge, session.taxonomy)
        surrogate = Context(generator, session.judge, whole.means(Settings(), watch.progress))
    taggers = tuple(loading.load_tagger(name, device) for name in loading.MUSICNN)
    listeners = Listeners(tuple(judges), taggers)
    about = listeners.about() + ([surrogate.generator.fingerprint()] if surrogate else [])
    going = _Run(request, session, listeners, surrogate, watch, HeardCache(about), list(request.collection.left_out))
    if request.library is not None:
        going.library, going.library_notes = read_library(request.library)
    return going


def _looked_at(going: _Run) -> list[_Pending]:
    """The files that can be heard, as far as their headers tell; the others are left out."""
    found = []
    files = going.request.collection.files
    for at, file in enumerate(files):
        if at % 20 == 0:
            going.tell("look at the files", LOOKING * at / len(files))
        try:
            seconds = read_header(file.path).seconds
            found.append(_Pending(file, digest(file.path), USUAL_SECONDS if seconds is None else seconds))
        except Unusable as reason:
            going.left_out.append((file.name, str(reason)))
    return found


def _hear_all(going: _Run, pending: Sequence[_Pending]) -> None:
    known = {each.digest for each in pending if not going.request.fresh and going.cache.get(each.digest, Heard)}
    ahead = sum(each.seconds for each in pending if each.digest not in known)
    whole, heard, started = max(ahead, 1e-9), 0.0, time.perf_counter()
    first: dict[str, str] = {}
    for at, each in enumerate(pending):
        what = f"listen to {each.file.name}" + (f" ({at + 1} of {len(pending)})" if len(pending) > 1 else "")
        going.tell(what, LOOKING + (1 - LOOKING) * (heard / whole if ahead else at / len(pending)))
        try:
            result = _hear(going, each, again=each.digest in first)
        except Unusable as reason:
            going.left_out.append((each.file.name, str(reason)))
            result = None
        if each.digest not in known and each.digest not in first:
            heard += each.seconds
            going.watch.expect((time.perf_counter() - started) / max(heard, 1e-9) * max(0.0, ahead - heard))
        if result is not None:
            going.files.append(result.model_copy(update={"same_as": first.get(each.digest)}))
            first.setdefault(each.digest, each.file.name)


def _hear(going: _Run, each: _Pending, *, again: bool) -> FileResult:
    """One file: what was kept of it, or what is heard now.

    Raises :class:`~tonescope.diagnose.audio_files.sound_files.Unusable`.
    """
    read: list[Recording] = []

    def recording() -> Recording:
        if not read:
            read.append(read_recording(each.file.path, name=each.file.name))
        return read[0]

    keeps = again or not going.request.fresh
    heard = going.cache.get(each.digest, Heard) if keeps else None
    if heard is None:
        heard = hear_recording(recording(), going.listeners)
        going.cache.put(each.digest, heard)
    prompt = each.file.prompt or going.request.prompt
    key = f"{each.digest}:{prompt or ''}"
    traced = going.cache.get(key, SurrogateTrace) if keeps and going.surrogate else None
    if going.surrogate is not None and traced is None:
        try:
            traced = trace_through(recording(), prompt, going.surrogate)
            going.cache.put(key, traced)
        except TonescopeError as reason:  # its prompt is too long, or it is too short: the others go on
            going.untraced.append((each.file.name, str(reason).rstrip(".")))
    if going.request.variants is not None:
        frames = spectral_frames(recording().waveform, recording().rate)
        mean = frames.mean(0)
        going.answers.append(Answer(each.file, heard, mean - mean.mean(), frames))
    if going.compares:
        key = f"{each.digest}:landmarks"
        marks = going.cache.get(key, FileLandmarks) if keeps else None
        if marks is None:
            marks = FileLandmarks.of(recording())
            going.cache.put(key, marks)
        going.landmarks.append(marks.read())
    return _compared(going, each, heard, prompt, traced)


def _compared(
    going: _Run, each: _Pending, heard: Heard, prompt: str | None, traced: SurrogateTrace | None
) -> FileResult:
    """A file beside what was asked for."""
    asked, unchecked, label = [], list[str](), None
    if prompt is not None:
        wishes = wishes_of(prompt)
        intent: Intent | None = read_intent(prompt, going.listeners.judge, going.session.taxonomy)
        label = intent.label if intent is not None and going.trusted else None
        asked = adherence(heard, wishes, intent if going.trusted else None, going.session.taxonomy)
        if not going.trusted and (by_tags := genre_by_tags(heard, prompt)) is not None:
            asked.insert(0, by_tags)
        unchecked = list(wishes.unchecked)
        if not any(row.aspect == "genre" for row in asked) and intent is not None and intent.named:
            unchecked.insert(0, intent.named)
    return FileResult(
        name=each.file.name,
        digest=each.digest,
        prompt=prompt,
        heard=heard,
        adherence=asked,
        unchecked=unchecked,
        surrogate=traced,
        asked=label,
    )
