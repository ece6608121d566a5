"""From files, folders and tables to the sound files that are meant."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.synthetic import noise, write
from tonescope.diagnose.audio_files.collecting import Collection, collect, read_table
from tonescope.models.errors import TonescopeError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.wav", "a.flac", "in/c.ogg", "in/deeper/d.wav"):
        write(tmp_path / name, noise(0.6))
    return tmp_path


def names(found: Collection) -> list[str]:
    return [file.name for file in found.files]


def table(folder: Path, text: str, name: str = "metadata.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_folders_are_searched_with_those_within(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    (folder / "._b.wav").write_bytes(b"x")
    (folder / ".cache").mkdir()
    found = collect([folder])
    assert names(found) == ["a.flac", "b.wav", "in/c.ogg", "in/deeper/d.wav"]
    assert found.left_out == (("notes.txt", "by its ending no sound"),)


def test_a_file_named_twice_is_heard_once(folder: Path) -> None:
    (folder / "link.wav").symlink_to(folder / "b.wav")
    assert names(collect([folder / "b.wav", folder / "b.wav", folder / "link.wav"])) == ["b.wav"]


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "in" / "round").symlink_to(folder)
    assert len(collect([folder]).files) == 4


def test_the_rest_goes_on_where_one_cannot_serve(folder: Path) -> None:
    found = collect([folder / "none.wav", folder / "b.wav"])
    assert names(found) == ["b.wav"] and "no such file" in found.left_out[0][1]


def test_a_table_says_what_files_were_made_from(folder: Path) -> None:
    made = table(folder, "file_name,prompt\nb.wav,slow blues\nin/c.ogg,\n")
    first, second = collect([], made).files
    assert (first.name, first.prompt) == ("b.wav", "slow blues") and second.prompt is None
    by_name = {file.name: file.prompt for file in collect([folder], made).files}
    assert by_name["b.wav"] == "slow blues" and by_name["a.flac"] is None


def test_case_a_row_whose_file_is_missing_is_listed(folder: Path) -> None:
    found = collect([], table(folder, "file_name,prompt\nb.wav,x\ngone.wav,y\n"))
    assert names(found) == ["b.wav"] and found.left_out[0][0] == "gone.wav"
    beside = collect([folder / "b.wav"], table(folder, "file_name,prompt\nb.wav,x\na.flac,y\n"))
    assert beside.left_out == (("a.flac", "named in the table, and not among the files"),)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_as_spreadsheets_write_them(folder: Path, separator: str) -> None:
    text = f'\ufeffFile{separator}Caption\r\nb.wav{separator}"slow, dark"\r\n'
    assert read_table(table(folder, text))[0].prompt == "slow, dark"


def test_json_lines(folder: Path) -> None:
    rows = [{"file_name": "b.wav", "text": "slow"}, {"file_name": "a.flac", "text": None}]
    made = table(folder, "\n".join(map(json.dumps, rows)) + "\n\n", "metadata.jsonl")
    assert [row.prompt for row in read_table(made)] == ["slow", None]


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("prompt\nslow\n", "m.csv", "no column for the file"),
        ("", "m.csv", "it is empty"),
        ("file_name,prompt\n", "m.csv", "holds no rows"),
        ("file_name,prompt\n,x\n", "m.csv", "a row without a file"),
        ("file_name\nb.wav\nb.wav\n", "m.csv", "names b.wav twice"),
        ('file_name\n"b.wav\n', "m.csv", "no table that can be read"),
        ("[1]\n", "m.jsonl", "line 1 of m.jsonl is no JSON object"),
        ("{\n", "m.jsonl", "line 1 of m.jsonl is no JSON object"),
    ],
)
def test_case_tables_that_are_none(folder: Path, text: str, name: str, told: str) -> None:
    with pytest.raises(TonescopeError, match=told):
        read_table(table(folder, text, name))


def test_case_a_table_that_is_not_there_or_no_text(folder: Path) -> None:
    for path in (folder / "none.csv", folder):
        with pytest.raises(TonescopeError, match="cannot be read"):
            read_table(path)
    (folder / "m.csv").write_bytes(b"file_name\n\xff\xfe\n")
    with pytest.raises(TonescopeError, match="no text in UTF-8"):
        read_table(folder / "m.csv")


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_case_a_table_that_is_a_pipe_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "m.csv")
    with pytest.raises(TonescopeError, match="cannot be read"):
        read_table(folder / "m.csv")


def test_case_names_and_prompts_that_no_disk_and_no_text_can_hold(folder: Path) -> None:
    rows = [{"file_name": "b\0.wav", "text": "x"}, {"file_name": "b.wav", "text": "slow \ud800"}]
    found = collect([], table(folder, "\n".join(map(json.dumps, rows)), "m.jsonl"))
    assert names(found) == ["b.wav"] and found.files[0].prompt == "slow ?" and found.left_out[0][0].isprintable()


def test_case_a_folder_within_that_cannot_be_read_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.iterdir

    def refused(path: Path):
        if path.name == "in":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    found = collect([folder])
    assert names(found) == ["a.flac", "b.wav"] and "cannot be read" in found.left_out[0][1]


def test_nothing_named_is_refused() -> None:
    with pytest.raises(TonescopeError, match="no file was named"):
        collect([])
