"""G.711: whole files, single frames, and the paths for older processors, against audioop, NumPy and memcpy.

The samples are noise with the amplitudes of speech (uniform noise would flatter us: audioop's branches depend on the
samples). audioop's mu-law differs from ITU-T G.191 for 508 of the 65,536 samples, so there its octets are compared
with its own table, and ours with ITU's.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from swsync._media import ffi, lib

from benchmarks._measure import Line, check_equal, faster, interleave
from swsync import media

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

Samples = np.ndarray[Any, np.dtype[np.int16]]
Octets = np.ndarray[Any, np.dtype[np.uint8]]

SAMPLES = 10_000_000
FRAME = 160
FRAMES = 500
TABLES = Path(__file__).resolve().parents[1] / "tests" / "data" / "g711"
PATHS = {"plain C": lib.SW_CPU_PLAIN, "SSE2": lib.SW_CPU_SSE2, "AVX2": lib.SW_CPU_AVX2, "NEON": lib.SW_CPU_NEON}
PLAIN_TARGETS = {("plain C", "PCMU"): 15.0, ("plain C", "PCMA"): 15.0, ("SSE2", "PCMU"): 40.0, ("SSE2", "PCMA"): 20.0}
PEERS: dict[str, tuple[Callable[[bytes, int], bytes], Callable[[bytes, int], bytes]]] = {
    "PCMU": (audioop.lin2ulaw, audioop.ulaw2lin),
    "PCMA": (audioop.lin2alaw, audioop.alaw2lin),
}
NATIVE: dict[str, tuple[Any, Any]] = {
    "PCMU": (lib.sw_ulaw_encode, lib.sw_ulaw_decode),
    "PCMA": (lib.sw_alaw_encode, lib.sw_alaw_decode),
}


def speech_like(samples: int, seed: int = 1) -> Samples:
    """Laplacian noise whose loudness changes every 50 ms, with pauses, as int16."""
    random = np.random.default_rng(seed)
    loudness = np.repeat(random.choice([20.0, 200.0, 1000.0, 3000.0], -(-samples // 400)), 400)[:samples]
    found: Samples = np.clip(random.laplace(size=samples) * loudness, -32768, 32767).astype(np.int16)
    return found


def encode_table(law: str) -> Octets:
    """ITU's octets, indexed by the sample as uint16."""
    name = {"PCMU": "ulaw", "PCMA": "alaw"}[law]
    return np.roll(np.frombuffer((TABLES / f"{name}_encode.bin").read_bytes(), np.uint8), 32768)


def run(rounds: int) -> Iterator[Line]:
    """All lines of G.711."""
    try:
        for law in PEERS:
            yield from _blocks(law, rounds)
        for law in PEERS:
            yield from _frames(law, rounds)
    finally:
        lib.sw_cpu_select(lib.SW_CPU_AUTO)


def _with(path: int, function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    def call() -> None:
        lib.sw_cpu_select(path)
        function(*arguments)

    return call


def _copy(octets: int) -> Callable[[], object]:
    """A memcpy that reads and writes as many octets as one conversion does: 3 a sample, half of each."""
    source = ffi.from_buffer(np.ones(octets // 2, np.uint8))
    target = ffi.from_buffer(np.zeros(octets // 2, np.uint8))
    return lambda: ffi.memmove(target, source, octets // 2)


def _blocks(law: str, rounds: int) -> Iterator[Line]:
    pcm = speech_like(SAMPLES)
    codes, back = np.zeros(SAMPLES, np.uint8), np.zeros(SAMPLES, np.int16)
    table, (encode, decode), (their_encode, their_decode) = encode_table(law), NATIVE[law], PEERS[law]
    _check_blocks(law, pcm, table)
    to_codes = (ffi.from_buffer(pcm), SAMPLES, ffi.from_buffer(codes))
    to_pcm = (ffi.from_buffer(codes), SAMPLES, ffi.from_buffer(back))
    octets, samples = media.encode(pcm.data, law), pcm.tobytes()
    functions: dict[str, Callable[[], object]] = {
        "encode": _with(lib.SW_CPU_AUTO, encode, *to_codes),
        "decode": _with(lib.SW_CPU_AUTO, decode, *to_pcm),
        "audioop encode": lambda: their_encode(samples, 2),
        "audioop decode": lambda: their_decode(octets, 2),
        "NumPy table": lambda: np.take(table, pcm.view(np.uint16), out=codes),
        "memcpy": _copy(3 * SAMPLES),
    }
    for name, path in PATHS.items():
        if (name, law) in PLAIN_TARGETS and lib.sw_cpu_select(path) == lib.SW_OK:
            functions[name] = _with(path, encode, *to_codes)
    times = interleave(rounds, functions)
    size = f"{SAMPLES // 1_000_000} M samples"
    yield faster(f"{law} encode, {size}, caller's buffer", times, "encode", "audioop encode", 50)
    yield faster(f"{law} encode, {size}, caller's buffer", times, "encode", "NumPy table", 10)
    yield faster(f"{law} encode, {size}, caller's buffer", times, "encode", "memcpy", 0.75)
    yield faster(f"{law} decode, {size}, caller's buffer", times, "decode", "audioop decode", 3)
    yield faster(f"{law} decode, {size}, caller's buffer", times, "decode", "memcpy", 0.85)
    for name in functions.keys() & PATHS.keys():
        yield faster(f"{law} encode, {name}", times, name, "audioop encode", PLAIN_TARGETS[name, law])


def _check_blocks(
    law: str, pcm: np.ndarray[Any, np.dtype[np.int16]], table: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    """Ours is ITU's; audioop's is its own table, which differs from ITU's at 508 mu-law samples and nowhere else."""
    their_encode, their_decode = PEERS[law]
    every = np.arange(65536, dtype=np.uint16)
    theirs = np.frombuffer(their_encode(every.tobytes(), 2), np.uint8)
    ours = media.encode(pcm.data, law)
    check_equal(508 if law == "PCMU" else 0, int((theirs != table).sum()), f"{law} tables")
    check_equal(ours, table[pcm.view(np.uint16)].tobytes(), f"{law} encode and the ITU's table")
    check_equal(
        their_encode(pcm.tobytes(), 2), theirs[pcm.view(np.uint16)].tobytes(), f"{law} encode and audioop's table"
    )
    check_equal(media.decode(ours, law), their_decode(ours, 2), f"{law} decode")
    for path in PATHS.values():
        if lib.sw_cpu_select(path) == lib.SW_OK:
            check_equal(media.encode(pcm.data, law), ours, f"{law} encode on path {path}")
    lib.sw_cpu_select(lib.SW_CPU_AUTO)


def _frames(law: str, rounds: int) -> Iterator[Line]:
    """One frame a call, bytes in and out, each of 500 different frames in turn; and 50 frames in one call."""
    whole = speech_like(FRAME * FRAMES, seed=2).tobytes()
    frames = [whole[at : at + 2 * FRAME] for at in range(0, len(whole), 2 * FRAME)]
    fifties = [whole[at : at + 100 * FRAME] for at in range(0, len(whole), 100 * FRAME)]
    encode, their_encode = media.encode, PEERS[law][0]

    def one_by_one() -> list[bytes]:
        return [encode(frame, law) for frame in frames]

    def by_fifty() -> list[bytes]:
        return [encode(block, law) for block in fifties]

    def theirs() -> list[bytes]:
        return [their_encode(frame, 2) for frame in frames]

    check_equal(b"".join(one_by_one()), b"".join(by_fifty()), f"{law} frames")
    check_equal(len(b"".join(one_by_one())), len(b"".join(theirs())), f"{law} frames")
    times = interleave(rounds, {"one": one_by_one, "fifty": by_fifty, "audioop encode": theirs})
    yield faster(f"{law} encode, one 160-sample frame, bytes to bytes", times, "one", "audioop encode", 0.9)
    yield faster(f"{law} encode, 50 frames in one call", times, "fifty", "audioop encode", 25)
