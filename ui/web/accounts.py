"""Accounts: who may use a server, as a file with one ``name:hash`` a line. Of passwords, scrypt hashes are kept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from tonescope.models.errors import TonescopeError

SHORTEST, LONGEST = 8, 1024  # characters of a password
LONGEST_NAME = 64
LARGEST_FILE = 2**20
N, R, P = 2**14, 8, 1  # the cost of one hash: 16 MiB, about 50 ms
MOST_MEMORY = 2**26  # bytes; hashes that take more are refused
_SALT, _KEY = 16, 32  # bytes


def hashed(password: str) -> str:
    """A password as it is kept: ``scrypt$n$r$p$salt$key``."""
    salt = secrets.token_bytes(_SALT)
    return "$".join(("scrypt", str(N), str(R), str(P), _text(salt), _text(_key(password, salt, N, R, P))))


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    given = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(given, salt=salt, n=n, r=r, p=p, maxmem=2 * MOST_MEMORY, dklen=_KEY)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True)
class Hash:
    """What is kept of a password."""

    n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    @classmethod
    def read(cls, text: str) -> Hash:
        """Parse one; raises ``ValueError`` for what is none, or would take too much to check."""
        kind, n, r, p, salt, key = text.split("$")
        found = cls(int(n), int(r), int(p), base64.b64decode(salt, validate=True), base64.b64decode(key, validate=True))
        is_power = found.n > 1 and found.n & (found.n - 1) == 0
        if kind != "scrypt" or not is_power or min(found.r, found.p) < 1 or found.p > 16:
            raise ValueError("no scrypt")
        if 128 * found.r * found.n > MOST_MEMORY or len(found.salt) < 8 or len(found.key) != _KEY:
            raise ValueError("a cost or a length that is not taken")
        return found

    def fits(self, password: str) -> bool:
        """Whether it is of this password."""
        return hmac.compare_digest(_key(password, self.salt, self.n, self.r, self.p), self.key)


_NOBODY = Hash(N, R, P, b"\0" * _SALT, b"\0" * _KEY)  # for names that there are not, so that they take as long


@dataclass
class Accounts:
    """The people of a file; it is read again when it changes."""

    path: Path
    _hashes: dict[str, Hash] = field(default_factory=dict)
    _stamp: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self._read()
        if not self._hashes:
            raise TonescopeError(f"{self.path} names nobody; add someone with: tonescope account {self.path} NAME")

    def has(self, name: str) -> bool:
        """Whether someone is in the file, now."""
        self._refresh()
        return name in self._hashes

    def check(self, name: str, password: str) -> bool:
        """Whether a password is right; that takes as long for names that there are not."""
        self._refresh()
        if not 0 < len(password) <= LONGEST:
            return False
        kept = self._hashes.get(name)
        return (kept or _NOBODY).fits(password) and kept is not None

    def _refresh(self) -> None:
        """Read the file again if it changed. While it cannot be read, nobody is let in."""
        try:
            about = self.path.stat()
            if (about.st_mtime_ns, about.st_size) != self._stamp:
                self._read()
        except (OSError, TonescopeError):
            self._hashes, self._stamp = {}, (0, 0)

    def _read(self) -> None:
        lines, self._stamp = _lines(self.path)
        self._hashes = {}
        for number, line in enumerate(lines, start=1):
            name, _, kept = line.strip().partition(":")
            if not name or name.startswith("#"):
                continue
            try:
                check_name(name)
                self._hashes[name] = Hash.read(kept)
            except (ValueError, TonescopeError) as error:
                raise TonescopeError(
                    f"line {number} of {self.path} is no account; a line is name:hash, as tonescope account writes it."
                ) from error


def check_name(name: str) -> None:
    """Raise :class:`TonescopeError` for a name that is none."""
    plain = all(mark.isalnum() or mark in "-._@+" for mark in name)
    if not name or len(name) > LONGEST_NAME or not plain:
        raise TonescopeError(
            f"“{name[:80]}” is no name for an account; use letters, digits and - . _ @ +, at most {LONGEST_NAME}."
        )


def check_password(password: str) -> None:
    """Raise :class:`TonescopeError` for a password that is too short to keep anyone out."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise TonescopeError(f"a password has {SHORTEST} to {LONGEST} characters; choose another.")


def keep(path: Path, name: str, password: str | None) -> bool:
    """Put someone into a file, with a new password, or take them out of it (``None``); other lines stay as they are.

    Returns:
        Whether they were there before.

    Raises:
        TonescopeError: name or password are none, the file cannot be read or written, or is no such file.
    """
    check_name(name)
    if password is not None:
        check_password(password)
    lines = _lines(path)[0] if path.exists() else []
    if any(line.strip() and not line.startswith("#") and ":" not in line for line in lines):
        raise TonescopeError(f"{path} is no file of accounts, and stays as it is; name another.")
    others = [line for line in lines if line.partition(":")[0].strip() != name]
    was_there = len(others) < len(lines)
    if password is None and not was_there:
        return False
    if password is not None:
        others.append(f"{name}:{hashed(password)}")
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in others))
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise TonescopeError(
            f"{path} cannot be written ({error.strerror}); name a file in a folder that you own."
        ) from error
    return was_there


def _lines(path: Path) -> tuple[list[str], tuple[int, int]]:
    """The lines of a file, and what tells when it changes."""
    try:
        if not path.is_file():
            raise TonescopeError(f"{path} is no file; make it with: tonescope account {path} NAME")
        about = path.stat()
        if about.st_size > LARGEST_FILE:
            raise TonescopeError(f"{path} is too large to be a file of accounts; name another.")
        return path.read_text(encoding="utf-8").splitlines(), (about.st_mtime_ns, about.st_size)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise TonescopeError(f"{str(path)[:200]} cannot be read; name a file of accounts that you own.") from error
