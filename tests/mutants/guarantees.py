"""The mutants: for each guarantee the text that keeps it, what breaks it, and the test modules that must notice."""

from __future__ import annotations

import attrs


@attrs.frozen
class Mutant:
    """One broken guarantee.

    Attributes:
        name: What is broken, in words.
        file: From the repository's root.
        edits: (old text, new text); each old text stands in the file exactly once.
        tests: Modules that must notice, from ``tests/``, the quick ones first.
    """

    name: str
    file: str
    edits: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]


def mutant(name: str, file: str, old: str, new: str, *tests: str) -> Mutant:
    """One edit."""
    return Mutant(name, file, ((old, new),), tests)


_CONTROL = [
    mutant(
        "an event that comes twice is acted on twice",
        "swsync/protocol.py",
        "if mark in self._seen or mark in self._seen_before:",
        "if False:",
        "test_protocol.py",
    ),
    mutant(
        "an inbound call that is offered twice is handled twice",
        "swsync/inbound.py",
        "if self._router.knows(call_id):",
        "if False:",
        "test_client.py",
    ),
    mutant(
        "a request waits on after close()",
        "swsync/pending.py",
        "                request.settle(None, why())",
        "                pass",
        "test_connection.py",
        "test_client.py",
    ),
    mutant(
        "a wait of a call goes on when its session is lost",
        "swsync/routing.py",
        "            call._abandon(lambda: CallEnded(reason))",
        "            pass",
        "test_client.py",
    ),
    mutant(
        "a dial goes on when its session is lost",
        "swsync/routing.py",
        "        for dial in dials:\n            dial.lose()\n",
        "",
        "test_dialing.py",
    ),
    mutant(
        "an action that ends with its call gets no finished event",
        "swsync/calling/_action.py",
        "if failure is None and self._ends_with_call:",
        "if False:",
        "calling/test_tap.py",
    ),
    mutant(
        "a hangup that finds no call raises",
        "swsync/call.py",
        "        except CallGone:\n            return {}",
        "        except ZeroDivisionError:\n            return {}",
        "test_call.py",
    ),
    mutant(
        "a leg that shows itself after its dial timed out is left on",
        "swsync/dialing.py",
        "        if abandoned:\n            self._end(leg)\n        elif",
        "        if abandoned:\n            pass\n        elif",
        "test_dialing.py",
    ),
    mutant(
        "the legs that ring when a dial times out are left on",
        "swsync/dialing.py",
        "            legs = list(self._legs.values())\n        for leg in legs:\n            self._end(leg)\n",
        "",
        "test_dialing.py",
    ),
    mutant(
        "a verb that may have acted is sent again after a lost link",
        "swsync/pending.py",
        "        self.idempotent = idempotent\n",
        "        self.idempotent = True\n",
        "test_connection.py",
    ),
    mutant(
        "clients that lost their link come back in step",
        "swsync/connection.py",
        "random.uniform(SHORTEST_DELAY, delay)",
        "delay",
        "test_connection.py",
    ),
    mutant(
        "a listener that raises stops the others",
        "swsync/dispatcher.py",
        "            except BaseException:  # sys.exit()",
        "            except ZeroDivisionError:  # sys.exit()",
        "test_dispatcher.py",
    ),
    mutant(
        "a listener runs on the I/O thread",
        "swsync/calling/_base.py",
        "self.session.callbacks.submit(self.call_id, function, *args)",
        "function(*args)",
        "calling/test_listening.py",
        "test_client.py",
    ),
]

_SECURITY = [
    mutant(
        "any certificate is taken",
        "swsync/transport.py",
        "        context = ssl.create_default_context()\n        if self._ca_file",
        "        context = ssl._create_unverified_context()\n        if self._ca_file",
        "test_transport.py",
    ),
    mutant(
        "the name in a certificate is not compared",
        "swsync/transport.py",
        "        context = ssl.create_default_context()\n        if self._ca_file",
        "        context = ssl.create_default_context()\n"
        "        context.check_hostname = False\n"
        "        if self._ca_file",
        "test_transport.py",
    ),
    mutant(
        "a token goes in the clear to another machine",
        "swsync/configuration.py",
        'if scheme == "ws" and not is_local:',
        "if False:",
        "test_configuration.py",
    ),
    mutant(
        "a token shows in the repr of the settings",
        "swsync/configuration.py",
        "Settings(project={self.project!r}, ",
        "Settings(project={self.project!r}, token={self.token!r}, ",
        "test_configuration.py",
    ),
    mutant(
        "a bearer token shows in the journal",
        "swsync/localrelay/journal.py",
        "        if value and key.lower().endswith(SECRETS):",
        "        if False:",
        "localrelay/test_session.py",
    ),
    mutant(
        "the secret path of a tap shows in the journal",
        "swsync/localrelay/journal.py",
        'PATHS.sub(rf"\\1{MASK}", value)',
        "value",
        "localrelay/test_session.py",
    ),
    mutant(
        "the secret path of a receiver shows in its repr",
        "swsync/media/wsreceiver.py",
        "{masked(self._url)}",
        "{self._url}",
        "media/test_wstap.py",
        "media/test_wsstream.py",
    ),
    mutant(
        "a token is compared in a time that tells how much of it is right",
        "swsync/media/wsstream.py",
        'hmac.compare_digest(token.strip().encode("utf-8", "replace"), self._token.encode())',
        "token.strip() == self._token",
        "media/test_wsstream.py",
    ),
    mutant(
        "a wrong token is taken",
        "swsync/media/wsstream.py",
        'if not is_right or scheme.lower() != "bearer":',
        'if scheme.lower() != "bearer":',
        "media/test_wsstream.py",
    ),
    mutant(
        "a token is good for two sockets",
        "swsync/media/wsstream.py",
        "        self._is_token_used = True\n",
        "",
        "media/test_wsstream.py",
    ),
    mutant(
        "base64 with spare bits that are not zero is taken",
        "csrc/base64.c",
        "return (b & 15) == 0;",
        "return 1;",
        "media/test_wsplain.py",
    ),
    mutant(
        "a frame that C leaves to others is not as it came",
        "csrc/wsmedia.c",
        "    if (!taken)\n        apply_mask(payload, octets, mask);",
        "    if (0)\n        apply_mask(payload, octets, mask);",
        "media/test_wsplain.py",
    ),
    mutant(
        "clear() leaves what was queued",
        "swsync/media/streamsending.py",
        "        self._queue.clear()\n",
        "",
        "localrelay/test_two_way_streams.py",
    ),
    mutant(
        "a tap is open to whoever does not know its path",
        "swsync/media/wsendpoint.py",
        "attachment = listener.routes.get(path_key(request_path(request))) if listener is not None else None",
        "attachment = next(iter(listener.routes.values()), None) if listener is not None else None",
        "media/test_wsendpoint.py",
    ),
    mutant(
        "a peer may take any time over its handshake",
        "swsync/media/wsconnection.py",
        "self.deadline = host.now() + HANDSHAKE_TIME",
        'self.deadline = float("inf")',
        "media/test_wsendpoint.py",
    ),
    mutant(
        "RTP from another machine is taken",
        "csrc/rtpsource.c",
        " && (!rx->has_current || rx->roaming || sw_same_host(from, &rx->from));",
        ";",
        "media/test_udp.py",
    ),
    mutant(
        "RTP from elsewhere than the source that was named is taken",
        "csrc/rtpsource.c",
        "return passes_filter(rx, from, any_port) && (",
        "return (",
        "media/test_udp.py",
    ),
    mutant(
        "a stranger takes over a stream that goes on",
        "csrc/rtpsource.c",
        "#define SILENT (SW_RX_NANO / 20)",
        "#define SILENT (-SW_RX_NANO)",
        "media/test_udp.py",
    ),
    mutant(
        "a goodbye of another stream ends this one",
        "csrc/rtcp.c",
        "        if (p->sources[i] == rx->ssrc) {",
        "        if (1) {",
        "media/test_rtcp.py",
    ),
    mutant(
        "a goodbye ends a stream that goes on",
        "csrc/rtprx.c",
        "    if (rx->left_at && arrival - rx->left_at > STRAGGLERS)\n        rx->left_at = 0;\n",
        "",
        "media/test_rtcp.py",
    ),
    mutant(
        "the length of an RTCP packet is not looked at",
        "csrc/rtcp.c",
        "if (length < least(packet->payload_type, packet->count))",
        "if (0)",
        "media/test_rtcp.py",
    ),
    mutant(
        "a tap to an address that cannot be reached is asked for",
        "swsync/calling/media_address.py",
        '    if is_local_host:\n        return\n    params = device.get("params")',
        '    if is_local_host or True:\n        return\n    params = device.get("params")',
        "calling/test_tap.py",
    ),
    mutant(
        "a stream to this machine is asked for",
        "swsync/calling/media_address.py",
        '    _check_not_loopback(parts.hostname or "", "stream", "SWSYNC_MEDIA_URL")',
        "    pass",
        "calling/test_stream.py",
    ),
    mutant(
        "a line break forges a SIP header",
        "swsync/devices.py",
        'for mark in "\\r\\n\\0"',
        'for mark in "\\0"',
        "test_devices.py",
    ),
    mutant(
        "a carriage return forges a SIP header",
        "swsync/devices.py",
        'for mark in "\\r\\n\\0"',
        'for mark in "\\n\\0"',
        "test_devices.py",
    ),
]

_MEDIA = [
    mutant(
        "a new SSRC goes on with the old one's clock",
        "csrc/jitter.c",
        " || order == SW_ORDER_RESTART) {",
        ") {",
        "media/test_track.py",
        "media/test_udp.py",
    ),
    mutant(
        "a new SSRC goes on with the old one's sequence numbers",
        "csrc/rtpsource.c",
        "order[i]->arrival, i == 0);",
        "order[i]->arrival, 0);",
        "media/test_udp.py",
    ),
    mutant(
        "a timestamp from the far future makes hours of silence",
        "csrc/jitter.c",
        "ahead > sw_track_samples(t, since_last(t, arrival)) + t->rate || ",
        "",
        "media/test_track.py",
        "media/test_udp.py",
    ),
    mutant(
        "sequence numbers do not wrap",
        "csrc/rtprx.c",
        "restart ? 0 : (int16_t)(uint16_t)(seq - (uint16_t)rx->highest)",
        "restart ? 0 : seq - (uint16_t)rx->highest",
        "media/test_udp.py",
    ),
    mutant(
        "timestamps do not wrap",
        "csrc/rx.h",
        "return rx->ext_ts + (int32_t)(timestamp - (uint32_t)rx->ext_ts);",
        "return (int64_t)timestamp;",
        "media/test_udp.py",
    ),
    mutant(
        "a packet that is too late is placed",
        "csrc/jitter.c",
        "if (position < head - t->window || position + n > head) {",
        "if (position + n > head) {",
        "media/test_udp.py",
    ),
    mutant(
        "a duplicate counts as received",
        "csrc/rtprx.c",
        "order < 0 ? SW_RX_DUPLICATE : SW_RX_UNIQUE",
        "SW_RX_UNIQUE",
        "media/test_udp.py",
    ),
    mutant(
        "a duplicate of the timeline counts as reordered",
        "csrc/jitter.c",
        "if (position >= start && sw_ring_run(&t->ring, position, position + n, &kind) == n && kind == 0) {",
        "if (0) {",
        "media/test_track.py",
    ),
    mutant(
        "a live reader takes what has not come yet for lost",
        "csrc/playout.c",
        "    if (head < end) {",
        "    if (head < p->reader.position) {",
        "media/test_playout.py",
    ),
    mutant(
        "a live reader does not wait for late packets",
        "csrc/playout.c",
        "at = sent(t, end) + sw_track_nano(t, p->delay);",
        "at = sent(t, end);",
        "media/test_playout.py",
    ),
    mutant(
        "the playout delay leaves its limits",
        "csrc/playout.c",
        "target < p->least ? p->least : target > p->most ? p->most : target",
        "target",
        "media/test_playout.py",
    ),
    Mutant(
        "the playout delay shrinks while somebody speaks",
        "csrc/playout.c",
        (
            (" || !(silent || out->state == SW_PLAYOUT_CONCEALED))", ")"),
            ("if (!silent || p->delay - p->target < n)", "if (p->delay - p->target < n)"),
        ),
        ("media/test_playout.py",),
    ),
    mutant(
        "what came too late for a live reader counts as lost",
        "csrc/playout.c",
        "there += kind == 0 ? n : 0;",
        "there += 0;",
        "media/test_playout.py",
    ),
    mutant(
        "concealment begins with a click",
        "csrc/plc.c",
        "plc->fade[i] = seam + (float)end[i - plc->pitch];",
        "plc->fade[i] = (float)end[i - plc->pitch];",
        "media/test_plc.py",
    ),
    mutant(
        "concealment never ends",
        "csrc/plc.c",
        "return steps <= 1 ? 1 : steps < FADED ? 1 - 0.2f * (steps - 1) : 0;",
        "return 1;",
        "media/test_plc.py",
    ),
    Mutant(
        "a WAV is valid only at its end",
        "swsync/media/wav.py",
        (
            ("// self._frame_octets\n            self._write_header()\n", "// self._frame_octets\n"),
            (
                "        # A write that failed half way may have left more",
                "        self._write_header()\n        # A write that failed half way may have left more",
            ),
        ),
        ("media/test_wav.py",),
    ),
    mutant(
        "a recording that could not go on keeps the name .part",
        "swsync/media/capture.py",
        "with contextlib.suppress(MediaError):  # the log has it\n            self._name_file()",
        "pass",
        "media/test_capture.py",
    ),
    mutant(
        "a recording whose last samples could not be written keeps the name .part",
        "swsync/media/capture.py",
        "            self._drain(is_final=True)\n        finally:\n            self._name_file()",
        "            self._drain(is_final=True)\n            self._name_file()\n        finally:\n            pass",
        "media/test_capture.py",
    ),
    mutant(
        "the second side is shifted the wrong way",
        "swsync/media/alignment.py",
        "moved = (self.theirs.time - self.ours.time)",
        "moved = (self.ours.time - self.theirs.time)",
        "media/test_capture.py",
    ),
    mutant(
        "reports of two wall clocks are compared",
        "swsync/media/alignment.py",
        "APART = 0.25",
        "APART = 1e9",
        "media/test_alignment.py",
    ),
    mutant(
        "drift is corrected the wrong way",
        "swsync/media/side.py",
        "self._moves = self.first + frame, self.first + samples",
        "self._moves = self.first + frame, self.first - samples",
        "media/test_drift.py",
    ),
    mutant(
        "drift is corrected in the middle of speech",
        "swsync/media/drift.py",
        "if max(part) <= SILENT and min(part) >= -SILENT else 0",
        "if len(part) else 0",
        "media/test_drift.py",
    ),
    mutant(
        "what was said in a pause is kept if it comes after it",
        "csrc/track.h",
        "position < sw_track_load(&t->mute_to) ||",
        "",
        "media/test_capture_pause.py",
    ),
    mutant(
        "what fills a gap in a pause is kept",
        "csrc/jitter.c",
        "    if (sw_track_is_mute(t, position, arrival)) {",
        "    if (0) {",
        "media/test_capture_pause.py",
    ),
    mutant(
        "drift is corrected though nobody asked for it",
        "swsync/media/layout.py",
        "if not self._is_corrected or self._drift is None",
        "if self._drift is None",
        "media/test_drift.py",
    ),
    mutant(
        "a side alone is corrected",
        "swsync/media/capture.py",
        "if len(live) == 2:  # one side alone is never corrected",
        "if [side.judge(now, self._writing.frame, is_final) for side in live] and len(live) == 2:",
        "media/test_capture.py",
    ),
    mutant(
        "a tap of a source is taken for another one's",
        "csrc/rtpshare.c",
        "if (its && its == stream)",
        "if (its)",
        "media/test_sharedport.py",
    ),
    mutant(
        "what a tap sends before its reply goes to another one of its source",
        "csrc/rtpshare.c",
        "(n == 1 && !s->awaited)",
        "n == 1",
        "media/test_sharedport.py",
    ),
    mutant(
        "two taps of a source are let in while nothing tells them apart",
        "csrc/rtpshare.c",
        "if (at->since >= asked)",
        "if (0)",
        "media/test_sharedport.py",
    ),
    mutant(
        "lost spans are told where they would be without skipped pauses",
        "swsync/media/writing.py",
        "to_file = self._out.frames - self.frame",
        "to_file = 0",
        "media/test_capture_pause.py",
    ),
    mutant(
        "the offset of the sides is told with the wrong sign",
        "swsync/media/layout.py",
        "offset = ((heard.start - heard.first) - (said.start - said.first)) / found.rate",
        "offset = ((said.start - said.first) - (heard.start - heard.first)) / found.rate",
        "media/test_capture.py",
    ),
    mutant(
        "mu-law has no negative zero",
        "csrc/g711.c",
        "int32_t n = (x ^ sign) + ULAW_BIAS;",
        "int32_t n = (x ^ sign) - sign + ULAW_BIAS;",
        "media/test_codec.py",
    ),
    mutant(
        "A-law is decoded off by one code",
        "csrc/g711.c",
        "int32_t value = code < 16 ?",
        "int32_t value = code < 15 ?",
        "media/test_codec.py",
    ),
    mutant(
        "L16 has its octets the wrong way round",
        "csrc/g711.c",
        "if ((first == 1) == (codec == SW_CODEC_L16LE)) {",
        "if ((first == 1) != (codec == SW_CODEC_L16LE)) {",
        "media/test_codec.py",
    ),
    mutant(
        "L16 over RTP is taken as little-endian",
        "swsync/media/udp.py",
        "track = Track(self.TRACK, codec, rate, byteorder=byteorder,",
        'track = Track(self.TRACK, codec, rate, byteorder="little",',
        "media/test_udp.py",
    ),
]

_LOCALRELAY = [
    mutant(
        "the local relay answers an action with {}",
        "swsync/localrelay/requests.py",
        'return {"code": "200", "message": message, **about, **more}',
        "return {}",
        "localrelay/test_play.py",
        "localrelay/test_taps.py",
    ),
    Mutant(
        "the local relay ends a call before what runs on it",
        "swsync/localrelay/call.py",
        (
            (
                "        for action in list(self.actions.values()):\n            action.finish()\n        for timer",
                "        for timer",
            ),
            (
                '        self.set_state("ended", end_reason=reason)\n',
                '        self.set_state("ended", end_reason=reason)\n'
                "        for action in list(self.actions.values()):\n            action.finish()\n",
            ),
        ),
        ("localrelay/test_taps.py", "localrelay/test_calls.py"),
    ),
    mutant(
        "a document's events reach the client",
        "swsync/localrelay/call.py",
        "session = to or self.session",
        "session = self.session",
        "localrelay/test_functions.py",
        "localrelay/test_swml.py",
    ),
    mutant(
        "a document is fetched from beyond this machine",
        "swsync/localrelay/web.py",
        "if not allow_remote and not is_loopback",
        "if False and not is_loopback",
        "localrelay/test_functions.py",
    ),
    mutant(
        "the referee forgets who was away",
        "swsync/localrelay/session.py",
        "self.away.append((self._core.loop.now(), None))",
        "pass",
        "localrelay/test_links_and_networks.py",
    ),
    mutant(
        "the legs of an abandoned dial are forgotten before a silent link is noticed",
        "swsync/dialing.py",
        "LINGER = 150.0",
        "LINGER = 30.0",
        "localrelay/test_links_and_networks.py",
    ),
]

GUARANTEES = [*_CONTROL, *_SECURITY, *_MEDIA, *_LOCALRELAY]
