"""Ways to damage a file: what disks, networks and people do to it, and what somebody does on purpose."""

from __future__ import annotations

import random
import re
import struct

__all__ = ["damaged"]

NUMBERS = (
    b"0", b"-1", b"1e999", b"-0", b"9" * 400, b"1" + b"0" * 40, b"2147483648", b"9223372036854775808", b"NaN", b"1e-400"
)  # fmt: skip
WORDS = (
    b"null", b"true", b"[]", b"{}", b'""', b"[[[[[[[[", b"{" * 400, b"[" * 2000, b"\x00", b"\xff\xfe",
    b"../../../../etc/passwd", b"/dev/zero", b"__import__('os').system('x')", b"<script>", b"=1+1", b"%n%s", b"\r\n",
    b"\\ud800", b"'''", b'"""', b"inf", b"\xf0\x9f\x98\x80",
)  # fmt: skip
DIGIT = re.compile(b"[0-9]")
BYTES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\x01")


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return `data` after one to four damages; sometimes bytes that never were such a file."""
    if rng.random() < 0.05 or not data:
        return rng.randbytes(rng.choice((0, 1, 7, 64, 500)))
    for _ in range(rng.choice((1, 1, 2, 4))):
        data = rng.choice(WAYS)(data or b"\x00", rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]


def _replace(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + rng.choice(BYTES) + data[place + 1 :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    begin = rng.randrange(len(data))
    return begin, min(len(data), begin + rng.choice((1, 2, 4, 8, 16, 64, 256)))


def _take_out(data: bytes, rng: random.Random) -> bytes:
    begin, end = _span(data, rng)
    return data[:begin] + data[end:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    begin, end = _span(data, rng)
    return data[:end] + data[begin:end] * rng.choice((1, 2, 50)) + data[end:]


def _move(data: bytes, rng: random.Random) -> bytes:
    begin, end = _span(data, rng)
    rest, place = data[:begin] + data[end:], rng.randrange(len(data) - (end - begin) + 1)
    return rest[:place] + data[begin:end] + rest[place:]


def _put(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data) + 1)
    return data[:place] + rng.choice(WORDS) + data[place:]


def _number(data: bytes, rng: random.Random) -> bytes:
    """Put an odd number in the place of one that is written in digits; a huge one into four or eight bytes."""
    places = [found.start() for found in DIGIT.finditer(data, 0, 20_000)]
    if places and rng.random() < 0.7:
        begin = end = rng.choice(places)
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        return data[:begin] + rng.choice(NUMBERS) + data[end:]
    place = rng.randrange(len(data))
    form = rng.choice((">I", "<I", "<Q", ">Q"))
    value = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << rng.randrange(31)))
    return data[:place] + struct.pack(form, value) + data[place + struct.calcsize(form) :]


def _token(data: bytes, rng: random.Random) -> bytes:
    """Put one word of the file, or of the list, in the place of another."""
    begin, end = _span(data, rng)
    other, last = _span(data, rng)
    return data[:begin] + (data[other:last] if rng.random() < 0.5 else rng.choice(WORDS)) + data[end:]


WAYS = (_flip, _replace, _cut, _take_out, _repeat, _move, _put, _number, _token)
