"""Reads a TensorFlow checkpoint (a "tensor bundle") without TensorFlow: float32 tensors by name.

A bundle is two files. ``.index`` is a sorted table of the LevelDB kind: blocks of key and value, keys
prefix-compressed; the last 48 bytes of the file point to a block that points to all others. A value is a
``BundleEntryProto``: type, shape, and where in ``.data-00000-of-00001`` the numbers lie. Formats:
tensorflow/core/lib/io/table_format.txt and tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOOTER = 48  # two block handles, padding, magic number
MAGIC = bytes.fromhex("57fb808b247547db")
PLAIN = 0  # the byte after a block that says how it is compressed
FLOAT = 1  # DT_FLOAT in tensorflow/core/framework/types.proto


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies in the data file: bytes from ``offset`` on, ``size`` of them."""

    dtype: int
    shape: tuple[int, ...]
    offset: int
    size: int


def read(prefix: str | Path) -> dict[str, NDArray[np.float32]]:
    """All float32 tensors of a bundle by name; ``prefix`` is the path up to ``.index``.

    Raises ``ValueError`` for what is no bundle, is compressed, or ends early.
    """
    data = np.fromfile(f"{prefix}.data-00000-of-00001", dtype=np.uint8)
    found = {}
    for name, entry in entries(Path(f"{prefix}.index").read_bytes()).items():
        if entry.dtype != FLOAT:
            continue
        stored = data[entry.offset : entry.offset + entry.size]
        if len(stored) != 4 * math.prod(entry.shape):
            raise ValueError(f"{name} has {len(stored)} bytes and its shape {entry.shape} needs another number")
        found[name] = stored.view("<f4").reshape(entry.shape).astype(np.float32)
    return found


def entries(index: bytes) -> dict[str, Entry]:
    """What a table says of each tensor."""
    if index[-len(MAGIC) :] != MAGIC:
        raise ValueError("not the index of a tensor bundle")
    _, _, at = _handle(index, len(index) - FOOTER)
    start, size, _ = _handle(index, at)
    found: dict[str, Entry] = {}
    for _, handle in _block(index, start, size):
        start, size, _ = _handle(handle, 0)
        found |= {key.decode(): _entry(value) for key, value in _block(index, start, size) if key}
    return found


def _block(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each row of a block. A row says how much of the key before it is kept."""
    if table[start + size] != PLAIN:
        raise ValueError("a block of the index is compressed")
    block = table[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    at, end, key = 0, len(block) - 4 * (restarts + 1), b""
    while at < end:
        kept, at = _varint(block, at)
        new, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:kept] + block[at : at + new]
        yield key, block[at + new : at + new + length]
        at += new + length


def _entry(message: bytes) -> Entry:
    numbers = {1: 0, 4: 0, 5: 0}  # fields dtype, offset and size; what is zero is not written
    shape: tuple[int, ...] = ()
    for field, value in _fields(message):
        if field == 2 and isinstance(value, bytes):
            shape = tuple(_dimension(part) for at, part in _fields(value) if at == 2 and isinstance(part, bytes))
        elif field in numbers and isinstance(value, int):
            numbers[field] = value
    return Entry(numbers[1], shape, numbers[4], numbers[5])


def _dimension(message: bytes) -> int:
    return next((value for field, value in _fields(message) if field == 1 and isinstance(value, int)), 0)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a protocol buffer."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield field, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if length is None:
            length, at = _varint(message, at)
        yield field, message[at : at + length]
        at += length


def _handle(table: bytes, at: int) -> tuple[int, int, int]:
    """Offset and size of a block, and where the next handle begins."""
    start, at = _varint(table, at)
    size, at = _varint(table, at)
    return start, size, at


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, least first, and where the next begins."""
    number = shift = 0
    while True:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
