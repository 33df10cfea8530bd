from __future__ import annotations

import socket

from hypothesis import given, strategies as st

from searchitect.executors.frames import FrameReader, framed, read_frame


@given(payloads=st.lists(st.binary(max_size=50), max_size=8), size=st.integers(1, 40))
def test_payloads_come_whole_however_the_stream_is_cut(payloads: list[bytes], size: int) -> None:
    stream = b"".join(framed(payload) for payload in payloads)
    reader, found = FrameReader(), []
    for begin in range(0, len(stream), size):
        found += reader.feed(stream[begin : begin + size])
    assert found == payloads


def test_a_blocking_read_gives_payloads_and_then_none() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(framed(b"one") + framed(b"") + framed(b"cut")[:-1])
        ours.close()
        assert read_frame(theirs) == b"one"
        assert read_frame(theirs) == b""
        assert read_frame(theirs) is None
