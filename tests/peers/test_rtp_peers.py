"""RTP with ffmpeg, GStreamer and tshark at the other end: what they send is what lands in the WAV, and the reverse."""

from __future__ import annotations

import random
import socket
import struct
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from swsync import media

pytestmark = pytest.mark.peers

RATE = 8000
PROBE = 99  # a payload type that nobody else here sends
Tool = Callable[[str], str]
Start = Callable[..., "subprocess.Popen[str]"]

FFMPEG = {"PCMU": ("pcm_mulaw", "mulaw"), "PCMA": ("pcm_alaw", "alaw")}
GSTREAMER = {"PCMU": ("mulawenc", "rtppcmupay"), "PCMA": ("alawenc", "rtppcmapay")}


def _run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=60)


@pytest.fixture
def speech(tool: Tool, tmp_path: Path) -> Path:
    """Three seconds of 8 kHz mono speech-like sound, with every level in it."""
    path = tmp_path / "in.wav"
    _run(
        tool("sox"), "-n", "-r", RATE, "-c", 1, "-b", 16, path,
        "synth", 3, "sine", "300-3000", "synth", 3, "pinknoise", "amod", 3, "gain", -3,
    )  # fmt: skip
    return path


def _samples(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (1, 2, RATE) == (file.getnchannels(), file.getsampwidth(), file.getframerate())
        return file.readframes(file.getnframes())


def _receive(sender: subprocess.Popen[str], receiver: media.RtpReceiver, path: Path) -> bytes:
    """Record until the sender has ended and nothing more has come for a while."""
    recording = receiver.record(path)
    assert sender.wait(60) == 0, sender.stderr.read() if sender.stderr else ""
    deadline = time.monotonic() + 10
    seen = -1
    while seen != receiver.stats.packets and time.monotonic() < deadline:
        seen = receiver.stats.packets
        time.sleep(0.3)
    recording.close()
    return _samples(path)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_what_ffmpeg_sends_is_what_is_recorded(
    codec: str, speech: Path, tool: Tool, start: Start, tmp_path: Path
) -> None:
    """The WAV equals, sample for sample, what ffmpeg's own encoder made."""
    encoder, raw_format = FFMPEG[codec]
    encoded = tmp_path / "encoded.raw"
    _run(tool("ffmpeg"), "-v", "error", "-i", speech, "-c:a", encoder, "-f", raw_format, encoded)
    with media.RtpReceiver(codec=codec) as receiver:
        port = receiver.device["params"]["port"]
        target = f"rtp://127.0.0.1:{port}?pkt_size=172"
        sender = start(tool("ffmpeg"), "-v", "error", "-re", "-i", speech, "-c:a", encoder, "-f", "rtp", target)
        recorded = _receive(sender, receiver, tmp_path / "out.wav")
        stats = receiver.stats
    assert media.decode(encoded.read_bytes(), codec) == recorded
    assert (0, 0, 0) == (stats.packets_lost, stats.late, stats.duplicate)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
def test_what_gstreamer_sends_is_what_is_recorded(
    codec: str, speech: Path, tool: Tool, start: Start, tmp_path: Path
) -> None:
    """The WAV equals, sample for sample, what GStreamer's own encoder made."""
    encoder, payloader = GSTREAMER[codec]
    encoded = tmp_path / "encoded.raw"
    source = ["filesrc", f"location={speech}", "!", "wavparse", "!", "audioconvert", "dithering=none", "!", encoder]
    _run(tool("gst-launch-1.0"), "-q", *source, "!", "filesink", f"location={encoded}")
    with media.RtpReceiver(codec=codec) as receiver:
        port = receiver.device["params"]["port"]
        paced = [
            "min-ptime=20000000",
            "max-ptime=20000000",
            "!",
            "udpsink",
            "host=127.0.0.1",
            f"port={port}",
            "sync=true",
        ]
        sender = start(tool("gst-launch-1.0"), "-q", *source, "!", payloader, *paced)
        recorded = _receive(sender, receiver, tmp_path / "out.wav")
        stats = receiver.stats
    assert media.decode(encoded.read_bytes(), codec) == recorded
    assert (0, 0, 0) == (stats.packets_lost, stats.late, stats.duplicate)


def _free_port() -> int:
    """An even UDP port that nobody had a moment ago, with its RTCP neighbour."""
    for _ in range(50):
        port = random.randrange(20000, 30000, 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    pytest.fail("no free UDP port")


@pytest.mark.parametrize(("codec", "payload_type"), [("PCMU", 0), ("PCMA", 8)])
def test_ffmpeg_hears_what_swsync_sends(
    codec: str, payload_type: int, speech: Path, tool: Tool, start: Start, tmp_path: Path
) -> None:
    """ffmpeg's RTP reader gives back the same audio that RtpSender was given."""
    port = _free_port()
    description = tmp_path / "call.sdp"
    description.write_text(
        f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio {port} RTP/AVP {payload_type}\na=rtpmap:{payload_type} {codec}/8000\n"
    )
    heard = tmp_path / "heard.raw"
    _, raw_format = FFMPEG[codec]
    reader = start(
        tool("ffmpeg"), "-v", "error", "-protocol_whitelist", "file,udp,rtp", "-reorder_queue_size", "0",
        "-i", description, "-t", "2", "-c:a", "copy", "-f", raw_format, "-flush_packets", "1", heard,
    )  # fmt: skip
    pcm = _samples(speech)
    sent = media.encode(pcm, codec)
    deadline = time.monotonic() + 60
    with media.RtpSender("127.0.0.1", port, codec=codec, ptime=20) as sender:
        # Until ffmpeg has heard its two seconds: it opens its socket when it is ready, and says so to nobody.
        while reader.poll() is None and time.monotonic() < deadline:
            sender.send(pcm)
    assert reader.wait(60) == 0, reader.stderr.read() if reader.stderr else ""
    got = heard.read_bytes()
    assert len(got) >= RATE
    assert got in sent * 12  # a run of what was sent, without a gap or a change


@contextmanager
def probed(port: int) -> Iterator[None]:
    """Send packets of a payload type of their own to a port meanwhile."""
    over = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            while not over.wait(0.2):
                sock.sendto(struct.pack("!BBHII", 0x80, PROBE, 0, 0, 0), ("127.0.0.1", port))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_tshark_finds_nothing_malformed(speech: Path, tool: Tool, start: Start, tmp_path: Path) -> None:
    """Every packet is RTP to Wireshark's dissector: right fields, no malformed one, none missing."""
    port, packets = _free_port(), 100
    pcm = _samples(speech)[: packets * 320]
    capture = start(
        tool("tshark"), "-l", "-i", "lo", "-f", f"udp dst port {port}", "-d", f"udp.port=={port},rtp",
        "-a", "duration:120", "-T", "fields", "-E", "separator=;",
        "-e", "rtp.version", "-e", "rtp.p_type", "-e", "rtp.seq", "-e", "rtp.timestamp", "-e", "rtp.payload",
        "-e", "_ws.malformed",
    )  # fmt: skip
    assert capture.stdout is not None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", port))  # else the kernel answers each packet with ICMP
        with probed(port):  # tshark says that it captures a moment before it does
            while (line := capture.stdout.readline()).split(";")[1:2] != [str(PROBE)]:
                assert line, "tshark ended before it captured"
        with media.RtpSender("127.0.0.1", port, codec="PCMU", ptime=20) as sender:
            sender.send(pcm)
        rows: list[list[str]] = []
        while len(rows) < packets:
            line = capture.stdout.readline()
            assert line, "tshark ended before it had seen all"
            row = line.rstrip("\n").split(";")
            rows += [row] if row[1] != str(PROBE) else []
    first_sequence, first_timestamp = int(rows[0][2]), int(rows[0][3])
    for i, (version, payload_type, sequence, timestamp, payload, malformed) in enumerate(rows):
        assert ("2", "0", "") == (version, payload_type, malformed)
        assert (first_sequence + i) % 2**16 == int(sequence)
        assert (first_timestamp + 160 * i) % 2**32 == int(timestamp)
        assert media.encode(pcm[i * 320 : (i + 1) * 320], "PCMU") == bytes.fromhex(payload.replace(":", ""))


def test_tshark_reads_every_header_form(tool: Tool, tmp_path: Path) -> None:
    """CSRCs, extension and padding as RtpPacket writes them are what the dissector reads."""
    packet = media.RtpPacket(
        payload_type=8, marker=True, sequence_number=65535, timestamp=2**32 - 1, ssrc=0xDEADBEEF,
        csrcs=(1, 2, 3), extension=b"\x10\xaa\x00\x00", extension_profile=0xBEDE, padding=4, payload=b"\xd5" * 160,
    )  # fmt: skip
    datagram = packet.build()
    pcap = tmp_path / "one.pcap"
    udp = struct.pack("!HHHH", 4000, 4002, 8 + len(datagram), 0) + datagram
    ip = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1])
    )
    frame = ip + udp
    pcap.write_bytes(
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        + struct.pack("<IIII", 0, 0, len(frame), len(frame))
        + frame
    )
    fields = [
        "rtp.marker",
        "rtp.seq",
        "rtp.timestamp",
        "rtp.ssrc",
        "rtp.cc",
        "rtp.ext.len",
        "rtp.padding.count",
        "_ws.malformed",
    ]
    options = [word for field in fields for word in ("-e", field)]
    done = _run(tool("tshark"), "-r", pcap, "-d", "udp.port==4002,rtp", "-T", "fields", "-E", "separator=;", *options)
    row = done.stdout.decode().strip("\n").split(";")
    assert ["65535", "4294967295", "0xdeadbeef", "3", "1", "4", ""] == row[1:]
    assert row[0] in ("1", "True")
