from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.diagnose.unit_index.made_corpus import folder_of_tones, tone
from tonescope.diagnose.audio_files.sound_files import Unusable
from tonescope.diagnose.store.take_shards import database
from tonescope.diagnose.unit_index import hub_corpus
from tonescope.diagnose.unit_index.corpus import About, FolderCorpus, parquet_entries
from tonescope.diagnose.unit_index.hub_corpus import HubCorpus
from tonescope.diagnose.unit_index.open_corpus import check_corpus, open_corpus
from tonescope.models.errors import TonescopeError


def parquet_of_tones(path: Path, tmp_path: Path, count: int = 3) -> Path:
    import soundfile

    with database() as opened:
        opened.execute("CREATE TABLE rows (audio STRUCT(bytes BLOB, path VARCHAR), text VARCHAR, license VARCHAR)")
        for at in range(count):
            soundfile.write(tmp_path / "one.wav", tone(100 + 50 * at, rate=8000), 8000)
            data = (tmp_path / "one.wav").read_bytes() if at != 1 else b"nothing"
            opened.execute(
                "INSERT INTO rows VALUES ({'bytes': ?, 'path': ?}, ?, 'CC-BY')", [data, f"{at}.wav", f"tone {at}"]
            )
        opened.execute(f"COPY rows TO '{path}' (FORMAT parquet)")
    return path


def test_a_folder_is_read_with_what_is_known_of_each_file(tmp_path: Path) -> None:
    corpus = FolderCorpus.open(str(folder_of_tones(tmp_path / "a", 3)))
    entries = list(corpus.entries())
    assert [entry.name for entry in entries] == ["tone000.wav", "tone001.wav", "tone002.wav"]
    assert entries[1].about == About("a tone of 90 hertz", "CC0", "tone001.wav")
    assert entries[0].read().rate == 8000


def test_broken_files_are_entries_that_cannot_be_read(tmp_path: Path) -> None:
    folder = folder_of_tones(tmp_path / "a", 2)
    (folder / "zero.wav").write_bytes(b"")
    (folder / "words.wav").write_bytes(b"no sound at all")
    (folder / "notes.txt").write_text("no sound is meant")
    (folder / "song.m4a").write_bytes(b"1234")
    reasons = {}
    for entry in FolderCorpus.open(str(folder)).entries():
        try:
            entry.read()
        except Unusable as reason:
            reasons[entry.name] = str(reason)
    assert set(reasons) == {"zero.wav", "words.wav", "song.m4a"} and reasons["zero.wav"] == "empty"
    assert "convert" in reasons["song.m4a"]


def test_another_content_is_another_corpus(tmp_path: Path) -> None:
    folder = folder_of_tones(tmp_path / "a", 2)
    first = FolderCorpus.open(str(folder)).identity
    assert FolderCorpus.open(str(folder)).identity == first
    (folder / "more.wav").write_bytes(b"x")
    assert FolderCorpus.open(str(folder)).identity != first


def test_rows_of_parquet_files_are_recordings(tmp_path: Path) -> None:
    entries = list(parquet_entries(parquet_of_tones(tmp_path / "a.parquet", tmp_path), "a.parquet"))
    assert [entry.name for entry in entries] == ["0.wav", "1.wav", "2.wav"]
    assert entries[2].about.caption == "tone 2" and entries[2].about.licence == "CC-BY"
    assert entries[0].read().seconds == pytest.approx(1.0)
    with pytest.raises(Unusable):
        entries[1].read()


def test_a_parquet_file_without_sound_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not at all PAR1")
    (entry,) = parquet_entries(tmp_path / "a.parquet", "a.parquet")
    with pytest.raises(Unusable):
        entry.read()


def test_a_set_of_the_hub_is_fetched_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = folder_of_tones(tmp_path / "there", 2)
    parquet_of_tones(there / "train-0.parquet", tmp_path)
    fetched: list[Path] = []

    def fetch(_: HubCorpus, file: str, folder: str) -> Path:
        path = Path(folder) / file
        path.write_bytes((there / file).read_bytes())
        fetched.append(path)
        return path

    siblings = [SimpleNamespace(rfilename=path.name) for path in sorted(there.iterdir())]
    info: Any = SimpleNamespace(siblings=siblings, sha="abc", card_data={"license": ["cc-by-4.0"]})
    monkeypatch.setattr(hub_corpus, "_asked", lambda *_: info)
    monkeypatch.setattr(HubCorpus, "_fetch", fetch)
    corpus = open_corpus("owner/tones")
    entries = list(corpus.entries())
    assert corpus.identity == "owner/tones@abc" and len(entries) == 5
    alone = next(entry for entry in entries if entry.name == "tone001.wav")
    assert alone.read().seconds == pytest.approx(1.2) and alone.about.caption == "a tone of 90 hertz"
    assert "owner/tones" in alone.about.source
    assert not [path for path in fetched if path.exists()], "what was heard is put away"


def test_case_a_file_that_the_hub_lists_and_does_not_have_is_passed_over_and_no_connection_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    class Gone(EntryNotFoundError):
        def __init__(self) -> None:
            Exception.__init__(self, "404")

    class Offline(LocalEntryNotFoundError):
        def __init__(self) -> None:
            Exception.__init__(self, "no connection")

    there = folder_of_tones(tmp_path / "there", 3)
    gone: dict[str, type[Exception]] = {"tone001.wav": Gone, "train-0.parquet": Gone}

    def download(_: str, file: str, *, local_dir: str, **__: object) -> str:
        if file in gone:
            raise gone[file]()
        path = Path(local_dir) / file
        path.write_bytes((there / file).read_bytes())
        return str(path)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    names = (*sorted(path.name for path in there.iterdir()), "train-0.parquet")
    info: Any = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name) for name in names], sha="abc", card_data={})
    monkeypatch.setattr(hub_corpus, "_asked", lambda *_: info)
    told = {}
    for entry in open_corpus("owner/tones").entries():
        try:
            told[entry.name] = entry.read().seconds > 0
        except Unusable as reason:
            told[entry.name] = "does not have it" not in str(reason)
    assert told == {"train-0.parquet": False, "tone000.wav": True, "tone001.wav": False, "tone002.wav": True}
    gone["metadata.jsonl"] = Gone
    first = next(iter(open_corpus("owner/tones").entries()))
    assert first.name == "metadata.jsonl"
    gone["metadata.jsonl"] = Offline
    with pytest.raises(TonescopeError, match="run the same command again"):
        next(iter(open_corpus("owner/tones").entries()))


@pytest.mark.parametrize(
    ("name", "told"),
    [("", "named by nothing"), ("no such folder", "no folder"), ("a/b/c", "no folder")],
)
def test_what_is_no_corpus_is_refused(name: str, told: str) -> None:
    with pytest.raises(TonescopeError, match=told):
        check_corpus(name)


def test_a_file_and_an_empty_folder_are_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(TonescopeError, match="is a file"):
        check_corpus(str(tmp_path / "a.txt"))
    with pytest.raises(TonescopeError, match="no sound files"):
        open_corpus(str(tmp_path))


def test_tags_of_a_recording_are_its_lists_of_words_whatever_they_are_called() -> None:
    about = About.of_row(
        {"caption": "a song", "instruments": ["piano", "sub bass"], "drums": ("kick",), "genre": "house"}
    )
    assert about.tags == "house, piano, sub bass, kick"
    assert About.of_row({"caption": "a song", "tags": "slow, sad", "drums": []}).tags == "slow, sad"
    assert About.of_row({"caption": "a song"}).tags == ""
