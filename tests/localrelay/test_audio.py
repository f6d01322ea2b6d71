"""The samples of one side of a call: what sounds when, how loud, and what the codec leaves."""

from __future__ import annotations

from array import array

import pytest

from swsync.localrelay.audio import Side, Sound, amplify, both, mix, payload
from swsync.media.codec import decode, encode


def tone(count: int, first: int = 1000) -> bytes:
    return array("h", [first + 37 * (n % 50) for n in range(count)]).tobytes()


def after_the_codec(pcm: bytes) -> bytes:
    return decode(encode(pcm, "PCMU"), "PCMU")


def test_a_quiet_side_is_silent() -> None:
    """Without sounds every sample is zero."""
    side = Side()
    side.render(100)
    assert bytes(200) == side.samples().tobytes()
    assert "h" == side.samples().format


@pytest.mark.parametrize("block", [1, 7, 160, 1000])
def test_the_block_size_does_not_matter(block: int) -> None:
    """The same samples come out, however the timeline is rendered."""
    side = Side()
    side.add(Sound([tone(333), 50, tone(111, 5000)], start=100, loops=2))
    for until in range(0, 2000 + block, block):
        side.render(until)
    expected = bytes(200) + 2 * (tone(333) + bytes(100) + tone(111, 5000))
    assert after_the_codec(expected) == side.samples().tobytes()[: len(expected)]
    assert not any(side.samples()[100 + 2 * 494 :])


def test_two_sounds_are_added_and_clipped() -> None:
    """Where they overlap their samples are summed."""
    assert [32767, -32768, 5] == list(memoryview(mix(words(30000, -30000, 2), words(30000, -30000, 3))).cast("h"))
    side = Side()
    side.add(Sound([tone(50)], start=0))
    side.add(Sound([tone(50)], start=25))
    side.render(75)
    expected = tone(50)[:50] + mix(tone(50)[50:], tone(50)[:50]) + tone(50)[50:]
    assert after_the_codec(expected) == side.samples().tobytes()


def words(*values: int) -> bytes:
    return array("h", values).tobytes()


def test_volume() -> None:
    """Decibels, clipped at full scale; none changes nothing."""
    assert words(1000, -1000) == amplify(words(1000, -1000), 0)
    assert words(1995, -1995) == amplify(words(1000, -1000), 6)
    assert words(32767, -32768) == amplify(words(10000, -10000), 40)


def test_remaining_and_stop() -> None:
    """A sound knows how much is left; one without an end does not."""
    sound = Sound([tone(10), 5], loops=2)
    assert 30 == sound.remaining
    side = Side()
    side.add(sound)
    side.render(12)
    assert 18 == sound.remaining
    sound.stop()
    side.render(20)
    assert (0, 0) == (sound.remaining, sum(side.samples()[12:]))
    assert None is Sound([tone(10)], loops=0).remaining
    assert 0 == Sound([], loops=0).remaining


def test_both_sides_mixed() -> None:
    """A silent side leaves the other as it is, to the bit."""
    loud, silence = encode(tone(160), "PCMU"), b"\xff" * 160
    assert loud == both(loud, silence) == both(silence, loud)
    mixed = encode(mix(decode(loud, "PCMU"), decode(loud, "PCMU")), "PCMU")
    assert mixed == both(loud, loud)


def test_payloads() -> None:
    """PCMU as it is, A-law and L16 from what the codec left; L16 in both byte orders and at twice the rate."""
    mulaw = encode(tone(160), "PCMU")
    pcm = array("h", decode(mulaw, "PCMU"))
    assert mulaw == payload(mulaw, "PCMU")
    assert encode(pcm.tobytes(), "PCMA") == payload(mulaw, "PCMA")
    assert pcm == array("h", payload(mulaw, "L16", byteorder="little"))
    swapped = array("h", payload(mulaw, "L16", byteorder="big"))
    swapped.byteswap()
    assert pcm == swapped
    double = array("h", payload(mulaw, "L16", 16000, "little"))
    assert pcm == double[::2]
    assert (pcm[0] + pcm[1]) // 2 == double[1]


def test_what_a_side_forgets_is_silence() -> None:
    """The rest stays where it is on the call's clock, and whoever counts is told of each octet."""
    kept = 0

    def count(octets: int) -> None:
        nonlocal kept
        kept += octets

    side = Side(count)
    side.add(Sound([tone(300)]))
    side.render(300)
    everything = side.between(0, 300)
    side.forget(100)
    assert (200, 100) == (side.begin, kept)
    assert b"\xff" * 200 + everything[200:] == side.between(0, 300)
    assert b"\xff" * 50 == side.between(100, 150)
    assert everything[250:300] == side.between(250, 300)
    side.render(400)
    assert (200, 200) == (kept, len(side.samples()))
    side.forget(500)
    assert 200 == kept
