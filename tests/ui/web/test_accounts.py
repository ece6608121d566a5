"""Files of accounts: what they are checked for, and what is kept of a password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tonescope.models.errors import TonescopeError
from tonescope.ui.web import accounts
from tonescope.ui.web.accounts import Accounts, Hash, hashed, keep

PASSWORD = "correct horse"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people"
    keep(path, "ann", PASSWORD)
    return path


def test_a_right_password_fits_and_others_do_not(file: Path) -> None:
    people = Accounts(file)
    assert people.has("ann") and people.check("ann", PASSWORD)
    assert not any(people.check("ann", wrong) for wrong in ("", PASSWORD + "x", PASSWORD.upper(), "x" * 5000))
    assert not people.check("bob", PASSWORD) and not people.has("bob")


def test_a_password_is_nowhere_in_the_file_and_two_hashes_of_it_differ(file: Path) -> None:
    keep(file, "bob", PASSWORD)
    first, second = file.read_text().splitlines()
    assert PASSWORD not in file.read_text() and first.partition(":")[2] != second.partition(":")[2]
    assert file.stat().st_mode & 0o077 == 0


def test_composed_and_decomposed_letters_are_one_password() -> None:
    assert Hash.read(hashed("caf\u00e9 au lait")).fits("cafe\u0301 au lait")


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    people = Accounts(file)
    assert keep(file, "ann", "another password") and people.check("ann", "another password")
    assert not people.check("ann", PASSWORD)
    keep(file, "bob", PASSWORD)
    assert keep(file, "ann", None) and not people.has("ann") and people.has("bob")
    file.unlink()
    assert not people.has("bob")  # and nobody is let in


def test_other_lines_stay_as_they_are(file: Path) -> None:
    file.write_text("# the band\n\n" + file.read_text())
    assert not keep(file, "bob", PASSWORD)
    assert file.read_text().startswith("# the band\n\nann:scrypt$")
    assert not keep(file, "carol", None)
    assert [path.name for path in file.parent.iterdir()] == ["people"]


@pytest.mark.parametrize(
    "line",
    [
        "ann",
        "ann:",
        "ann:plain password",
        "ann:scrypt$16384$8$1$AAAA$AAAA",
        "ann:scrypt$16383$8$1$" + hashed(PASSWORD).split("$", 4)[4],
        "ann:scrypt$1073741824$8$1$" + hashed(PASSWORD).split("$", 4)[4],
        "ann:scrypt$16384$8$-1$" + hashed(PASSWORD).split("$", 4)[4],
        "ann:scrypt$16384$8$1000000$" + hashed(PASSWORD).split("$", 4)[4],
        "ann:scrypt$x$8$1$é$é",
        "a b:" + hashed(PASSWORD),
    ],
    ids=["alone", "nothing", "plain", "short", "odd", "costly", "negative", "parallel", "no number", "two words"],
)
def test_a_line_that_is_no_account_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "people"
    path.write_text(f"# people\n{line}\n", encoding="utf-8")
    with pytest.raises(TonescopeError, match=r"line 2 of .* is no account"):
        Accounts(path)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="tonescope account"):
        Accounts(tmp_path / "nothing")
    with pytest.raises(TonescopeError, match="is no file"):
        Accounts(tmp_path)
    (tmp_path / "empty").write_text("# nobody\n")
    with pytest.raises(TonescopeError, match="names nobody"):
        Accounts(tmp_path / "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe:\x00")
    with pytest.raises(TonescopeError, match="cannot be read"):
        Accounts(tmp_path / "binary")
    (tmp_path / "large").write_bytes(b"#" * (accounts.LARGEST_FILE + 1))
    with pytest.raises(TonescopeError, match="too large"):
        Accounts(tmp_path / "large")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(TonescopeError, match="is no file"):
        Accounts(tmp_path / "fifo")


def test_a_file_that_holds_something_else_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("Chapter one\nIt was late.\n")
    with pytest.raises(TonescopeError, match="stays as it is"):
        keep(path, "ann", PASSWORD)
    assert path.read_text() == "Chapter one\nIt was late.\n"
    with pytest.raises(TonescopeError, match="cannot be written"):
        keep(tmp_path / "no" / "folder", "ann", PASSWORD)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\nb", "x" * 65, "<b>"])
def test_names_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TonescopeError, match="is no name for an account"):
        keep(tmp_path / "people", name, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_passwords_that_keep_nobody_out_are_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(TonescopeError, match="8 to 1024"):
        keep(tmp_path / "people", "ann", password)
    assert not (tmp_path / "people").exists()
