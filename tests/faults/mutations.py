"""Seeded damage to a delivery: bytes as a bad disk or a careless export leaves them, and values nobody expected."""

import random
from collections.abc import Callable

ODD: tuple[bytes, ...] = (
    b"",
    b" ",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999",
    b"-0",
    b"9" * 400,
    b"2026-13-45",
    b"null",
    b"[]",
    b"{}",
    b"{{ no }}",
    b"';--",
    b'"',
    b"\\",
    b"\r",
    b"\n\n",
    b"\t",
    b",,,,",
    b"[" * 3000,
    b"x" * 70_000,
    "\u202eאב😀 ﷽".encode(),
    b"\\ud800",
)
Damage = Callable[[random.Random, bytes], bytes]


def _flip(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def _cut_out(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.randrange(1, 40) :]


def _cut_off(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def _repeat(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + data[at : at + chance.randrange(1, 200)] * 2 + data[at + 1 :]


def _insert(chance: random.Random, data: bytes) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(ODD) + data[at:]


def _replace_word(chance: random.Random, data: bytes) -> bytes:
    """One value, between two of the marks that stand around values."""
    marks = [at for at, byte in enumerate(data) if byte in b',:"\n']
    if len(marks) < 2:
        return data
    first = chance.randrange(len(marks) - 1)
    return data[: marks[first] + 1] + chance.choice(ODD) + data[marks[first + 1] :]


def _shuffle_lines(chance: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _line_ends(chance: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    return b"".join(line + chance.choice((b"\n", b"\r\n", b"\n\n", b"\r")) for line in lines)


DAMAGES: tuple[Damage, ...] = (
    _flip, _flip, _cut_out, _cut_off, _repeat, _insert, _insert, _replace_word, _replace_word, _shuffle_lines, _line_ends,
)  # fmt: skip


def mutated(chance: random.Random, data: bytes) -> bytes:
    """The data with one to three damages."""
    for _ in range(chance.randint(1, 3)):
        data = chance.choice(DAMAGES)(chance, data) or b"\n"
    return data
