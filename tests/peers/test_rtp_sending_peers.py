"""What swsync sends and writes, to outside programs: tshark dissects it, others hear it and play to it."""

from __future__ import annotations

import random
import socket
import subprocess
import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from swsync import media

pytestmark = pytest.mark.peers

Tool = Callable[[str], str]
Start = Callable[..., "subprocess.Popen[str]"]


def run(*command: str | Path) -> str:
    """A program's output; what it complains of fails the test."""
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def free_ports() -> int:
    """An even UDP port that nobody had a moment ago, with its RTCP neighbour."""
    for _ in range(50):
        port = random.randrange(20000, 30000, 2)
        try:
            for number in (port, port + 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    pytest.fail("no free UDP ports")


def noise(rate: int, seconds: float) -> np.ndarray:
    """Speech-like: a tone that comes and goes in noise."""
    rng = np.random.default_rng(3)
    at = np.arange(int(rate * seconds)) / rate
    sound = 6000 * np.sin(2 * np.pi * 440 * at) * (1 + np.sin(2 * np.pi * 3 * at)) / 2 + rng.normal(0, 300, len(at))
    return sound.astype(np.int16)


def likeness(one: np.ndarray, two: np.ndarray) -> float:
    """The largest correlation of the middle of one sound with any place of the other."""
    part = one[len(one) // 3 : len(one) // 3 + len(one) // 4].astype(float)
    found = np.correlate(two.astype(float), part, "valid")
    power = np.convolve(two.astype(float) ** 2, np.ones(len(part)), "valid")
    return float(np.max(found / np.sqrt(np.maximum(power, 1) * np.sum(part**2))))


def dissect(tool: Tool, path: Path, port: int, *fields: str, only: str = "") -> list[list[str]]:
    """tshark's view of a capture, a row of fields for each packet."""
    words = [word for field in fields for word in ("-e", field)]
    decode = ["-d", f"udp.port=={port},rtp", "-d", f"udp.port=={port + 1},rtcp", "-d", "rtp.pt==101,rtpevent"]
    rules = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    text = run(tool("tshark"), "-r", path, *decode, *rules, *(["-Y", only] if only else []), "-T", "fields", *words)
    return [line.split("\t") for line in text.splitlines()]


def test_tshark_dissects_audio_keys_and_reports(tool: Tool, tmp_path: Path) -> None:
    """RTP, telephone-events, sender reports and the goodbye: nothing malformed, the right checksums and fields."""
    port, path = free_ports(), tmp_path / "sent.pcap"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtcp,
        media.PcapWriter(path) as writer,
    ):
        for number, sock in ((port, rtp), (port + 1, rtcp)):
            sock.bind(("127.0.0.1", number))
        with media.RtpSender("127.0.0.1", port, codec="PCMA") as sender:
            sender.send(noise(8000, 0.2), wait=False)
            sender.send_digits("1#", duration=0.1, gap=0.1)
            sender.send(noise(8000, 0.1))
        for sock in (rtp, rtcp):
            sock.settimeout(0.5)
            while True:
                try:
                    datagram, source = sock.recvfrom(2000)
                except TimeoutError:
                    break
                writer.write(datagram, time.time(), source, sock.getsockname())
    assert [] == dissect(tool, path, port, "frame.number", only="_ws.malformed || _ws.expert.severity >= 0x600000")
    bad = "ip.checksum.status == 0 || udp.checksum.status == 0"
    assert [] == dissect(tool, path, port, "frame.number", only=bad)
    audio = dissect(tool, path, port, "rtp.p_type", "rtp.seq", "rtp.marker", only="rtp")
    first = int(audio[0][1])
    assert [first % 2**16, *((first + n) % 2**16 for n in range(1, len(audio)))] == [int(row[1]) for row in audio]
    assert ["8"] * 10 + ["101"] * 14 + ["8"] * 5 == [row[0] for row in audio]
    assert [0, 10, 17, 24] == [n for n, row in enumerate(audio) if row[2] in ("1", "True")]
    keys = dissect(tool, path, port, "rtpevent.event_id", "rtpevent.end_of_event", "rtpevent.duration", only="rtpevent")
    assert {"1": "800", "11": "800"} == {row[0]: row[2] for row in keys if row[1] in ("1", "True")}
    assert 6 == sum(row[1] in ("1", "True") for row in keys)
    reports = dissect(tool, path, port, "rtcp.pt", "rtcp.sender.packetcount", only="rtcp")
    assert ["200,202", "200,202,203"] == [row[0] for row in reports]
    assert ["1", str(len(audio))] == [row[1] for row in reports]


def test_tshark_reads_the_capture_of_a_receiver(tool: Tool, tmp_path: Path) -> None:
    """Its own heuristics find the stream, without being told the port; nothing lost, and the audio is what was sent."""
    sound, path = noise(8000, 0.6), tmp_path / "received.pcap"
    with (
        media.RtpReceiver() as receiver,
        receiver.record_pcap(path),
        media.RtpSender("127.0.0.1", receiver.port) as sender,
    ):
        sender.send(sound)
        receiver.end()
    text = run(
        tool("tshark"), "-r", path, "--enable-heuristic", "rtp_udp", "-Y", "rtp", "-T", "fields",
        "-e", "rtp.payload", "-e", "_ws.malformed",
    )  # fmt: skip
    rows = [line.split("\t") for line in text.splitlines()]
    assert {""} == {"".join(row[1:]) for row in rows}
    payload = b"".join(bytes.fromhex(row[0].replace(":", "")) for row in rows)
    assert media.decode(media.encode(sound, "PCMU"), "PCMU") == media.decode(payload, "PCMU")
    streams = run(tool("tshark"), "-q", "-r", path, "--enable-heuristic", "rtp_udp", "-z", "rtp,streams")
    assert "g711U" in streams
    assert "0 (0.0%)" in streams


GSTREAMER = {
    "PCMU": ("encoding-name=PCMU,clock-rate=8000,payload=0", ["rtppcmudepay", "!", "mulawdec"], 8000),
    "PCMA": ("encoding-name=PCMA,clock-rate=8000,payload=8", ["rtppcmadepay", "!", "alawdec"], 8000),
    "L16": ("encoding-name=L16,clock-rate=16000,payload=96,channels=1", ["rtpL16depay", "!", "audioconvert"], 16000),
    "G722": ("encoding-name=G722,clock-rate=8000,payload=9", ["rtpg722depay", "!", "avdec_g722"], 16000),
    "OPUS": ("encoding-name=OPUS,clock-rate=48000,payload=96", ["rtpopusdepay", "!", "avdec_opus"], 48000),
}


@pytest.mark.parametrize("codec", GSTREAMER)
def test_gstreamer_hears_what_swsync_sends(codec: str, tool: Tool, start: Start, tmp_path: Path) -> None:
    """Every codec, through GStreamer's own depacketizer and decoder."""
    caps, decode, rate = GSTREAMER[codec]
    port, heard, sound = free_ports(), tmp_path / "heard.raw", noise(rate, 1.0)
    gst = start(
        tool("gst-launch-1.0"), "-q", "udpsrc", "address=127.0.0.1", f"port={port}", "num-buffers=100",
        f"caps=application/x-rtp,media=audio,{caps}", "!", *decode, "!", "audioconvert", "!",
        f"audio/x-raw,format=S16LE,channels=1,rate={rate}", "!", "filesink", f"location={heard}",
    )  # fmt: skip
    deadline = time.monotonic() + 60
    with media.RtpSender("127.0.0.1", port, codec=codec, rate=rate) as sender:
        while gst.poll() is None and time.monotonic() < deadline:  # it opens its socket when it is ready
            sender.send(sound)
    assert gst.wait(60) == 0, gst.stderr.read() if gst.stderr else ""
    got = np.frombuffer(heard.read_bytes(), np.int16)
    assert len(got) >= rate
    assert likeness(sound, got) > 0.97


FFMPEG = {"G722": ("g722", 16000, 9), "OPUS": ("libopus", 48000, 97)}


@pytest.mark.parametrize("codec", FFMPEG)
def test_ffmpeg_sends_opus_and_g722(codec: str, tool: Tool, start: Start, tmp_path: Path) -> None:
    """RTP that ffmpeg has made is received, decoded, and sounds like what it was given."""
    encoder, rate, number = FFMPEG[codec]
    sound, path = noise(rate, 3.0), tmp_path / "in.wav"
    with media.WavWriter(path, rate=rate) as writer:
        writer.write(sound)
    with media.RtpReceiver(codec=codec, payload_type=number) as receiver:
        array = media.ArraySink()
        with receiver.record(array):
            sender = start(
                tool("ffmpeg"), "-v", "error", "-re", "-i", path, "-c:a", encoder, "-ac", "1", "-payload_type", number,
                "-f", "rtp", f"rtp://127.0.0.1:{receiver.port}?pkt_size=1200",
            )  # fmt: skip
            assert sender.wait(60) == 0, sender.stderr.read() if sender.stderr else ""
            receiver.end()
        stats = receiver.stats
    assert (0, 0) == (stats.packets_lost, stats.late)
    assert len(array.samples) / rate == pytest.approx(3.0, abs=0.1)
    assert likeness(sound, array.samples) > 0.97


SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio {port} RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""

ANSWERING = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="answers with swsync's port">
  <recv request="INVITE" crlf="true"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

{sdp}]]></send>
  <recv request="ACK" crlf="true"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""

CALLING = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="plays a capture">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:caller@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp}]]></send>
  <recv response="100" optional="true"/>
  <recv response="200" crlf="true"/>
  <send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <nop><action><exec play_pcap_audio="{pcap}"/></action></nop>
  <pause milliseconds="2500"/>
  <send retrans="500"><![CDATA[
BYE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
"""


def test_sipp_plays_a_capture_to_swsync(tool: Tool, start: Start, tmp_path: Path) -> None:
    """A call between two sipps; the answer's SDP names swsync's port, and a pcap that swsync wrote is played there."""
    sound, pcap = noise(8000, 2.0), tmp_path / "said.pcap"
    with media.PcapWriter(pcap) as writer:
        for n, datagram in enumerate(media.packetize(sound, "PCMU", ssrc=77)):
            writer.write(datagram, 1_700_000_000 + n / 50)
    sip, media_port = free_ports(), free_ports()
    with media.RtpReceiver() as receiver:
        (tmp_path / "answer.xml").write_text(ANSWERING.replace("{sdp}", SDP.format(port=receiver.port)))
        own = SDP.replace("{port}", "[media_port]")
        (tmp_path / "call.xml").write_text(CALLING.replace("{sdp}", own).replace("{pcap}", str(pcap)))
        common = ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "40s", "-timeout_error"]
        array = media.ArraySink()
        with receiver.record(array):
            start(
                tool("sipp"), "-sf", tmp_path / "answer.xml", "-p", sip, "-mp", media_port + 10, *common, cwd=tmp_path
            )
            caller = start(
                tool("sipp"), "-sf", tmp_path / "call.xml", f"127.0.0.1:{sip}", "-p", sip + 1, "-mp", media_port,
                *common, cwd=tmp_path,
            )  # fmt: skip
            output, errors = caller.communicate(timeout=60)
            assert caller.returncode == 0, output + errors
            receiver.end()
        stats, ssrc = receiver.stats, receiver.ssrc
    assert (77, 100, 0) == (ssrc, stats.packets, stats.packets_lost)
    assert media.decode(media.encode(sound, "PCMU"), "PCMU") == array.samples.tobytes()


def test_sipp_echoes_what_swsync_sends(tool: Tool, start: Start, tmp_path: Path) -> None:
    """It answers on its media port, packet by packet: each came there whole."""
    sip, media_port = free_ports(), free_ports()
    (tmp_path / "answer.xml").write_text(ANSWERING.replace("{sdp}", SDP.format(port=media_port)))
    start(
        tool("sipp"), "-sf", tmp_path / "answer.xml", "-p", sip, "-i", "127.0.0.1", "-mi", "127.0.0.1",
        "-mp", media_port, "-rtp_echo", "-nostdin", "-timeout", "40s", cwd=tmp_path,
    )  # fmt: skip
    sound = noise(8000, 0.4)
    with media.RtpSender("127.0.0.1", media_port, rtcp="none") as sender:
        sock = sender._socket
        sock.settimeout(0.2)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # until its echo is ready
            sender.send(bytes(320))
            try:
                sock.recv(2000)
                break
            except (TimeoutError, ConnectionRefusedError):
                continue
        else:
            pytest.fail("sipp echoes nothing")
        sender.send(sound)
        sock.settimeout(60)
        got: list[media.RtpPacket] = []
        while len(got) < 20:
            packet = media.RtpPacket.parse(sock.recv(2000))
            if got or any(media.decode(packet.payload, "PCMU")):  # the silence from before may have come back late
                got.append(packet)
    assert media.encode(sound, "PCMU") == b"".join(packet.payload for packet in got)
    assert {sender.ssrc} == {packet.ssrc for packet in got}


BARESIP = """poll_method epoll
sip_listen 127.0.0.1:{sip}
audio_player none
audio_source aufile,{folder}/in.wav
audio_alert none
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
snd_path {folder}
rtp_ports {rtp}-{last}
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
module_tmp account.so
module_app menu.so
"""


def test_baresip_both_ways(tool: Tool, start: Start, tmp_path: Path) -> None:
    """A softphone calls; what it plays is received, and what is sent to its port is what it decodes."""
    said, heard = noise(8000, 4.0), noise(8000, 1.0)[::-1].copy()
    with media.WavWriter(tmp_path / "in.wav") as writer:
        writer.write(said)
    sip, own, rtp = free_ports(), free_ports(), free_ports()
    modules = next(iter(Path("/usr/lib").glob("**/baresip/modules")), Path("/usr/lib/baresip/modules"))
    fields = {"sip": own, "folder": tmp_path, "rtp": rtp, "last": rtp + 1, "modules": modules}
    (tmp_path / "config").write_text(BARESIP.format(**fields))
    (tmp_path / "accounts").write_text("<sip:me@127.0.0.1>;regint=0;audio_codecs=PCMU;ptime=20\n")
    (tmp_path / "contacts").write_text("")
    array = media.ArraySink()
    with media.RtpReceiver() as receiver, receiver.record(array):
        (tmp_path / "answer.xml").write_text(ANSWERING.replace("{sdp}", SDP.format(port=receiver.port)))
        common = ["-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", "1", "-nostdin", "-timeout", "40s"]
        start(tool("sipp"), "-sf", tmp_path / "answer.xml", "-p", sip, *common, cwd=tmp_path)
        phone = start(tool("baresip"), "-f", tmp_path, "-e", f"/dial sip:x@127.0.0.1:{sip}", "-t", "15", cwd=tmp_path)
        assert receiver.wait_audio(15)
        with media.RtpSender("127.0.0.1", rtp) as sender:
            for _ in range(3):
                sender.send(heard)
        phone.communicate(timeout=60)  # it hangs up when its file is over, and ends by itself
        receiver.end()
        stats = receiver.stats
    assert 0 == stats.packets_lost
    assert likeness(said, array.samples) > 0.99
    (dump,) = tmp_path.glob("dump-*-dec.wav")
    with wave.open(str(dump)) as file:
        decoded = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert likeness(heard, decoded) > 0.99
