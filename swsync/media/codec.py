"""G.711 and linear PCM between samples and the octets of the wire; the work is done in C (``csrc/g711.c``).

The reference for G.711 is ITU-T G.191, the ITU's software tool library. L16 is RFC 3551 section 4.5.11: big-endian,
unless ``byteorder="little"`` says otherwise (WebSocket media). Samples are int16 in the machine's order, one channel:
``bytes``, ``array("h")``, a NumPy ``int16`` array or any other contiguous buffer of them.

All functions may run in any number of threads at once: they share nothing, and C runs without Python's lock.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from swsync._media import ffi, lib
from swsync.errors import CodecError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from swsync.states import Codec

__all__ = ["as_octets", "codec_number", "decode", "decode_into", "encode", "encode_into", "octets_per_sample"]

if sys.implementation.name != "cpython":
    # encode() and decode() let C fill a bytes object that nobody else has seen yet. That is how CPython's own C code
    # makes bytes; cffi on other interpreters would fill a copy.
    raise ImportError("swsync.media needs CPython")

_NATIVE = "<" if sys.byteorder == "little" else ">"
_OCTETS = ("B", "b", "c")
_SAMPLES = ("h", "@h", "=h", _NATIVE + "h")

_NUMBERS: dict[tuple[str, str], int] = {
    ("PCMU", "big"): lib.SW_CODEC_PCMU,
    ("PCMA", "big"): lib.SW_CODEC_PCMA,
    ("L16", "big"): lib.SW_CODEC_L16,
    ("L16", "little"): lib.SW_CODEC_L16LE,
}

# The codecs of telephony, for the shortest way through encode() and decode(). Members of Codec are found too.
_ENCODE_BLOCK: dict[str, Any] = {"PCMU": lib.sw_ulaw_encode, "PCMA": lib.sw_alaw_encode}
_DECODE_BLOCK: dict[str, Any] = {"PCMU": lib.sw_ulaw_decode, "PCMA": lib.sw_alaw_decode}


def codec_number(codec: Codec | str, byteorder: str = "big") -> int:
    """Return the C core's number for a codec.

    Args:
        codec: ``PCMU``, ``PCMA`` or ``L16``, in any case.
        byteorder: ``big`` or ``little``; it matters for L16 only.

    Raises:
        CodecError: There is no such codec or byte order.
    """
    name = str(codec).upper()
    if byteorder not in ("big", "little"):
        raise CodecError(f"byteorder is 'big' or 'little', not {byteorder!r}")
    number = _NUMBERS.get((name, byteorder if name == "L16" else "big"))
    if number is None:
        raise CodecError(f"there is no codec {str(codec)!r}: PCMU, PCMA and L16 are known")
    return number


def octets_per_sample(codec: Codec | str) -> int:
    """Return how many octets one sample takes on the wire: 1 for G.711, 2 for L16."""
    return int(lib.sw_codec_octets(codec_number(codec)))


def _view(data: ReadableBuffer, formats: tuple[str, ...], what: str) -> memoryview:
    """Look at a caller's buffer.

    Raises:
        CodecError: It holds something else than ``what``, or not in one row.
    """
    view = memoryview(data)
    if view.format not in formats:
        raise CodecError(f"{what} expected, but the buffer's items have format {view.format!r}")
    if view.ndim != 1 or not view.c_contiguous:
        raise CodecError(f"{what} expected in one contiguous row, but the buffer's shape is {view.shape}")
    return view


def as_octets(samples: ReadableBuffer, channels: int = 1) -> memoryview:
    """Look at int16 samples, those of several channels in one row or a column each, as octets.

    Raises:
        CodecError: They are something else (sound files are often read as floats), or there is half a one.
    """
    view = memoryview(samples)
    if view.format not in _SAMPLES + _OCTETS:
        raise CodecError(f"int16 samples in the machine's order expected, but the items have format {view.format!r}")
    if not view.c_contiguous or (view.shape or ())[1:] not in ((), (channels,)):
        raise CodecError(f"one contiguous block of {channels} channel(s) expected, but its shape is {view.shape}")
    if view.nbytes % 2:
        raise CodecError(f"{view.nbytes} octets are no whole number of int16 samples")
    return view.cast("B")


def _pcm(pcm: ReadableBuffer) -> tuple[Any, int]:
    """Return C's view of samples, and how many there are."""
    view = _view(pcm, _SAMPLES + _OCTETS, "int16 samples in the machine's order")
    if view.nbytes % 2:
        raise CodecError(f"{view.nbytes} octets are no whole number of int16 samples")
    return ffi.from_buffer(view), view.nbytes // 2


def _payload(payload: ReadableBuffer, number: int) -> tuple[Any, int, int]:
    """Return C's view of a payload, its octets and its samples."""
    view = _view(payload, _OCTETS, "octets")
    width: int = lib.sw_codec_octets(number)
    if view.nbytes % width:
        raise CodecError(f"{view.nbytes} octets are no whole number of {width}-octet samples")
    return ffi.from_buffer(view), view.nbytes, view.nbytes // width


def _writable(out: WriteableBuffer, formats: tuple[str, ...], what: str) -> tuple[Any, int]:
    view = _view(out, formats, what)
    if view.readonly:
        raise CodecError("the buffer for the result is read-only")
    return ffi.from_buffer(view, require_writable=True), view.nbytes


def _check(code: int) -> None:
    if code < 0:
        raise CodecError(ffi.string(lib.sw_strerror(code)).decode())


def encode(pcm: ReadableBuffer, codec: Codec | str, *, byteorder: str = "big") -> bytes:
    """Encode samples.

    Args:
        pcm: int16 samples, n of them.
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        byteorder: Of L16.

    Returns:
        n octets of G.711, or 2 n of L16.

    Raises:
        CodecError: The codec is unknown, or ``pcm`` holds something else than int16.
    """
    block = _ENCODE_BLOCK.get(codec)
    if block is not None and type(pcm) is bytes:
        samples = len(pcm) >> 1
        if samples > 1 and not len(pcm) & 1:  # bytes of length 0 and 1 are shared objects
            encoded = bytes(samples)
            block(pcm, samples, encoded)
            return encoded
    out = bytearray(memoryview(pcm).nbytes // 2 * octets_per_sample(codec))
    encode_into(pcm, codec, out, byteorder=byteorder)
    return bytes(out)


def decode(payload: ReadableBuffer, codec: Codec | str, *, byteorder: str = "big") -> bytes:
    """Decode a payload.

    Args:
        payload: Octets of the wire.
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        byteorder: Of L16.

    Returns:
        int16 samples in the machine's order, two octets each.

    Raises:
        CodecError: The codec is unknown, or the payload ends within a sample.
    """
    block = _DECODE_BLOCK.get(codec)
    if block is not None and type(payload) is bytes and payload:
        decoded = bytes(2 * len(payload))
        block(payload, len(payload), decoded)
        return decoded
    out = bytearray(memoryview(payload).nbytes // octets_per_sample(codec) * 2)
    decode_into(payload, codec, out, byteorder=byteorder)
    return bytes(out)


def encode_into(pcm: ReadableBuffer, codec: Codec | str, out: WriteableBuffer, *, byteorder: str = "big") -> int:
    """Encode samples into the caller's buffer, which does not overlap them.

    Args:
        pcm: int16 samples.
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        out: Writable octets, at least as many as the samples need.
        byteorder: Of L16.

    Returns:
        Octets written.

    Raises:
        CodecError: The codec is unknown, a buffer holds something else, or ``out`` is too small.
    """
    number = codec_number(codec, byteorder)
    source, samples = _pcm(pcm)
    target, room = _writable(out, _OCTETS, "room for octets")
    _check(lib.sw_encode(number, source, samples, target, room))
    return samples * int(lib.sw_codec_octets(number))


def decode_into(payload: ReadableBuffer, codec: Codec | str, out: WriteableBuffer, *, byteorder: str = "big") -> int:
    """Decode a payload into the caller's buffer, which does not overlap it.

    Args:
        payload: Octets of the wire.
        codec: ``PCMU``, ``PCMA`` or ``L16``.
        out: Writable int16 samples (or octets, two a sample), at least as many as the payload holds.
        byteorder: Of L16.

    Returns:
        Samples written.

    Raises:
        CodecError: The codec is unknown, a buffer holds something else, or ``out`` is too small.
    """
    number = codec_number(codec, byteorder)
    source, octets, samples = _payload(payload, number)
    target, room = _writable(out, _SAMPLES + _OCTETS, "room for int16 samples")
    _check(lib.sw_decode(number, source, octets, target, room // 2))
    return samples
