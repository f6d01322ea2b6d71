"""Where the messages of a stream belong on the timeline of their track."""

from __future__ import annotations

import pytest

from swsync.media.streammessages import MediaMessage
from swsync.media.streamorder import ChunkOrder

Told = tuple[int | None, int | None]  # chunk, timestamp in milliseconds


def place(messages: list[Told], samples: int = 160, rate: int = 8000) -> tuple[list[int | None], ChunkOrder]:
    """The positions of messages of equal length."""
    order = ChunkOrder(rate)
    told = [MediaMessage(chunk=chunk, timestamp=timestamp, payload=b"") for chunk, timestamp in messages]
    return [order.place(message, samples) for message in told], order


def test_regular() -> None:
    """Chunks that follow each other are joined."""
    assert [0, 160, 320] == place([(1, 0), (2, 20), (3, 40)])[0]


def test_a_stream_that_began_earlier() -> None:
    """The timestamp places the first chunk, so that two tracks can be laid beside each other."""
    assert [8000, 8160] == place([(1, 1000), (2, 1020)])[0]


def test_rounded_timestamps_make_no_seam() -> None:
    """Timestamps are whole milliseconds; the samples between them are not."""
    positions, order = place([(n + 1, n * 441 * 1000 // 16000) for n in range(100)], samples=441, rate=16000)
    assert [n * 441 for n in range(100)] == positions
    assert (0, 0) == (order.missing, order.replayed)


def test_jittering_timestamps_make_no_seam() -> None:
    """A timestamp that is off by less than half a chunk is taken for the next one."""
    assert [0, 160, 320, 480] == place([(1, 0), (2, 27), (3, 33), (4, 60)])[0]


def test_a_missing_chunk() -> None:
    """A gap of the count is counted and placed by the timestamp."""
    positions, order = place([(1, 0), (2, 20), (5, 80)])
    assert [0, 160, 640] == positions
    assert 2 == order.missing


def test_a_missing_chunk_without_timestamps() -> None:
    """Without timestamps the missing chunks are taken to be as long as this one."""
    assert [0, 160, 640] == place([(1, None), (2, None), (5, None)])[0]


def test_silence_that_was_not_sent() -> None:
    """A jump of the timestamp without one of the count is a pause, and is kept."""
    positions, order = place([(1, 0), (2, 20), (3, 500)])
    assert [0, 160, 4000] == positions
    assert 0 == order.missing


def test_replays() -> None:
    """A chunk that was there is not placed again."""
    positions, order = place([(1, 0), (2, 20), (2, 20), (1, 0), (3, 40)])
    assert [0, 160, None, None, 320] == positions
    assert 2 == order.replayed


def test_a_count_that_begins_again() -> None:
    """New audio under an old count is audio."""
    positions, order = place([(1, 0), (2, 20), (1, 40), (2, 60)])
    assert [0, 160, 320, 480] == positions
    assert (1, 0) == (order.restarted, order.replayed)


@pytest.mark.parametrize("messages", [[(None, None)] * 3, [(None, 0), (None, 20), (None, 40)]])
def test_less_told(messages: list[Told]) -> None:
    """Where count or timestamp are absent the other, or the samples themselves, are enough."""
    assert [0, 160, 320] == place(messages)[0]


def test_huge_numbers() -> None:
    """Absurd values give absurd positions, not errors."""
    positions, order = place([(1, 0), (2**53, 2**53)], rate=48000)
    assert [0, 2**53 * 48] == positions
    assert 2**53 - 2 == order.missing


def test_one_wrong_message_does_not_end_the_audio() -> None:
    """After one absurd message what follows looks like replays, for a second at most."""
    messages: list[Told] = [(1, 0), (2**50, 2**50), *[(n, n * 20) for n in range(2, 102)]]
    positions, order = place(messages)
    assert 50 == order.replayed
    assert [n * 160 for n in range(52, 102)] == positions[-50:]
