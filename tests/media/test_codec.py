"""swsync.media.codec against the ITU's tables, an independent oracle, and misuse."""

from __future__ import annotations

import random
import struct
import sys
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import oracle_g711
import pytest
from hypothesis import given
from hypothesis import strategies as st
from swsync._media import lib

from swsync import media
from swsync.errors import CodecError
from swsync.media import codec as codec_module
from swsync.states import Codec

TABLES = Path(__file__).resolve().parents[1] / "data" / "g711"
LAWS = {"PCMU": "ulaw", "PCMA": "alaw"}
PATHS = {"plain": lib.SW_CPU_PLAIN, "sse2": lib.SW_CPU_SSE2, "avx2": lib.SW_CPU_AVX2, "neon": lib.SW_CPU_NEON}
EVERY_SAMPLE = array("h", range(-32768, 32768))


def _is_here(path: str) -> bool:
    """Whether this processor has that path; those of others are run by tests/c under an emulator."""
    found = bool(lib.sw_cpu_select(PATHS[path]) >= 0)
    lib.sw_cpu_select(lib.SW_CPU_AUTO)
    return found


@pytest.fixture(params=filter(_is_here, PATHS))
def cpu_path(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each way to compute that this machine has; the best one again afterwards."""
    assert lib.sw_cpu_select(PATHS[request.param]) >= 0
    yield request.param
    lib.sw_cpu_select(lib.SW_CPU_AUTO)


def table(law: str) -> tuple[bytes, tuple[int, ...]]:
    """The reference: octets by sample + 32768, and samples by octet."""
    encoded = (TABLES / f"{LAWS[law]}_encode.bin").read_bytes()
    decoded = (TABLES / f"{LAWS[law]}_decode.s16le").read_bytes()
    return encoded, struct.unpack("<256h", decoded)


@pytest.mark.parametrize("law", LAWS)
def test_the_tables_are_the_oracle(law: str) -> None:
    """The reference tables are what the slow transcription of G.191 computes."""
    encoded, decoded = table(law)

    assert bytes(map(oracle_g711.ENCODE[law], EVERY_SAMPLE)) == encoded
    assert tuple(map(oracle_g711.DECODE[law], range(256))) == decoded


@pytest.mark.usefixtures("cpu_path")
@pytest.mark.parametrize("law", LAWS)
def test_every_sample_and_code(law: str) -> None:
    """All 65,536 samples and 256 codes are as ITU-T G.191 has them."""
    encoded, decoded = table(law)

    assert encoded == media.encode(EVERY_SAMPLE, law)
    assert decoded == struct.unpack("=256h", media.decode(bytes(range(256)), law))


@pytest.mark.usefixtures("cpu_path")
@pytest.mark.parametrize("law", LAWS)
@given(samples=st.lists(st.integers(-32768, 32767), max_size=100), shift=st.integers(0, 3))
def test_any_piece_from_any_address(law: str, samples: list[int], shift: int) -> None:
    """Length and alignment of the block do not matter."""
    source = bytes(shift) + array("h", samples).tobytes()
    out = bytearray(shift + len(samples) + 1)
    pcm = memoryview(source)[shift:]

    count = media.encode_into(pcm, law, memoryview(out)[shift:])
    back = media.decode(memoryview(out)[shift : shift + count], law)

    expected = bytes(map(oracle_g711.ENCODE[law], samples))
    assert bytes(shift) + expected + bytes(1) == bytes(out)
    assert expected == media.encode(bytes(pcm), law)
    assert [oracle_g711.DECODE[law](code) for code in expected] == list(array("h", back))


@pytest.mark.parametrize("law", LAWS)
def test_decoding_and_encoding_again_changes_nothing(law: str) -> None:
    """Each code survives, but mu-law's negative zero becomes the positive one."""
    codes = bytes(range(256))

    again = media.encode(media.decode(codes, law), law)

    assert (codes if law == "PCMA" else codes.replace(b"\x7f", b"\xff")) == again


def test_l16_in_both_byte_orders() -> None:
    """L16 is big-endian unless asked otherwise."""
    samples = [1, -2, 0x1234, -32768]
    pcm = array("h", samples)

    assert struct.pack(">4h", *samples) == media.encode(pcm, "L16")
    assert struct.pack("<4h", *samples) == media.encode(pcm, "L16", byteorder="little")
    assert pcm.tobytes() == media.decode(struct.pack(">4h", *samples), "L16")
    assert pcm.tobytes() == media.decode(struct.pack("<4h", *samples), "L16", byteorder="little")


@pytest.mark.parametrize("name", ["PCMU", "pcmu", Codec.PCMU])
def test_names_of_codecs(name: str) -> None:
    """A codec is named by its word in any case, or by the member of Codec."""
    assert b"\xff\x7f" == media.encode(array("h", [0, -1]), name)
    assert array("h", [0, 0]).tobytes() == media.decode(b"\xff\x7f", name)
    assert lib.SW_CODEC_PCMU == codec_module.codec_number(name)
    assert 1 == codec_module.octets_per_sample(name)


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("law", [*LAWS, "L16"])
def test_shortest_blocks(law: str, count: int) -> None:
    """No samples, one and two are encoded and decoded like many, and shared bytes objects stay whole."""
    pcm = bytes(2 * count)
    encoded = media.encode(pcm, law)

    assert count * codec_module.octets_per_sample(law) == len(encoded)
    assert 2 * count == len(media.decode(encoded, law))
    assert b"\x00" == bytes([0])
    assert b"" == bytes(0)


@pytest.mark.parametrize(
    "make", [bytes, bytearray, memoryview, lambda b: array("h", b), lambda b: np.frombuffer(b, "=i2")]
)
def test_any_buffer_of_samples(make) -> None:  # type: ignore[no-untyped-def]
    """bytes, bytearray, memoryview, array and NumPy arrays are taken, read-only or not."""
    pcm = array("h", range(-160, 160)).tobytes()

    assert media.encode(pcm, "PCMA") == media.encode(make(pcm), "PCMA")


def test_into_the_callers_buffers() -> None:
    """encode_into and decode_into return octets and samples written, and may be given more room than they need."""
    pcm = np.arange(-80, 80, dtype=np.int16)
    out = np.zeros(200, np.uint8)
    back = np.full(200, 7, np.int16)

    assert 160 == media.encode_into(pcm, "PCMU", out)
    assert 160 == media.decode_into(out[:160], "PCMU", back)
    assert 320 == media.encode_into(pcm, "L16", bytearray(320))
    assert 160 == media.decode_into(bytes(320), "L16", bytearray(320))
    assert media.decode(out[:160].tobytes(), "PCMU") == back[:160].tobytes()
    assert [7] * 40 == list(back[160:])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: media.encode(b"\0\0", "OPUS"), "no codec 'OPUS'"),
        (lambda: media.decode(b"\0\0", "OPUS"), "no codec 'OPUS'"),
        (lambda: media.encode(b"\0\0", "L16", byteorder="middle"), "byteorder"),
        (lambda: media.encode(b"\0\0\0", "PCMU"), "3 octets are no whole number of int16"),
        (lambda: media.encode(b"\0", "PCMA"), "1 octets are no whole number of int16"),
        (lambda: media.decode(b"\0\0\0", "L16"), "3 octets are no whole number of 2-octet samples"),
        (lambda: media.encode(np.zeros(4, np.float32), "PCMU"), "format 'f'"),
        (lambda: media.encode(np.zeros(4, np.int32), "PCMU"), "format 'i'"),
        (lambda: media.encode(np.zeros(4, np.uint16), "PCMU"), "format 'H'"),
        (lambda: media.encode(np.zeros((4, 2), np.int16), "PCMU"), "shape is (4, 2)"),
        (lambda: media.encode(np.zeros(8, np.int16)[::2], "PCMU"), "contiguous"),
        (lambda: media.decode(np.zeros(4, np.int16), "PCMU"), "octets expected"),
        (lambda: media.encode_into(bytes(8), "PCMU", bytearray(3)), "not enough room"),
        (lambda: media.encode_into(bytes(8), "L16", bytearray(7)), "not enough room"),
        (lambda: media.encode_into(bytes(8), "PCMU", bytes(4)), "read-only"),
        (lambda: media.decode_into(bytes(8), "PCMU", bytearray(15)), "not enough room"),
        (lambda: media.decode_into(bytes(8), "PCMU", np.zeros(8, np.float32)), "format 'f'"),
    ],
)
def test_misuse_is_explained(call, words: str) -> None:  # type: ignore[no-untyped-def]
    """A CodecError says what is wrong; nothing is read or written beside a buffer."""
    with pytest.raises(CodecError) as caught:
        call()

    assert words in str(caught.value)


@pytest.mark.skipif(sys.byteorder != "little", reason="the other order is native here")
def test_the_other_byte_order_is_refused() -> None:
    """Samples in the other machine order are not taken for native ones."""
    with pytest.raises(CodecError, match="format '>h'"):
        media.encode(np.zeros(4, ">i2"), "PCMU")


def test_many_threads_at_once() -> None:
    """Threads that encode and decode single frames at the same time do not see each other's samples."""
    barrier = threading.Barrier(6)
    wrong: list[int] = []

    def work(seed: int) -> None:
        pcm = random.Random(seed).randbytes(320)
        encoded = media.encode(bytearray(pcm), "PCMU")
        decoded = media.decode(bytearray(encoded), "PCMU")
        barrier.wait(10)
        for _ in range(2000):
            if media.encode(pcm, "PCMU") != encoded or media.decode(encoded, "PCMU") != decoded:
                wrong.append(seed)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)

    assert [] == wrong


def test_the_choice_of_path() -> None:
    """A path that the machine does not have is refused and changes nothing."""
    before = lib.sw_cpu_path()

    assert lib.SW_EINVAL == lib.sw_cpu_select(17)
    assert before == lib.sw_cpu_path()
