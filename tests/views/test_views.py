"""How things show themselves: true, complete, and with every text of a peer escaped."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tqdm import tqdm

import swsync
from swsync import media
from swsync.batch import Batch, announce
from swsync.clock import VirtualClock
from swsync.errors import MediaError
from swsync.notebook import LevelMeter, progress
from swsync.views.markup import LONGEST, Markup, card, escape, table

EVIL = "<img src=x onerror=alert(1)>\"'&\u202e\x1b[2J<script>"
TAGS = {"div", "table", "thead", "tbody", "tr", "td", "th", "span", "p", "img", "audio"}


class Page(HTMLParser):
    """The tags, attributes and text of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def safe(html: str) -> Page:
    """Only the tags that the views make, no script, nothing fetched; gives what is in it."""
    page = Page(html)
    assert {tag for tag, _ in page.tags} <= TAGS
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("src") or "data:").startswith("data:")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", html)
    return page


@pytest.fixture
def world() -> Iterator[tuple[VirtualClock, swsync.LocalRelay, swsync.RelayClient]]:
    """A relay and its client in virtual time."""
    clock = VirtualClock()
    with clock.thread(), swsync.LocalRelay(clock=clock) as relay, swsync.RelayClient(**relay.settings) as client:
        yield clock, relay, client


def test_text_is_escaped_once() -> None:
    """Markup of a peer becomes text, ours stays, and what is long is cut."""
    assert "&lt;b&gt;&amp;amp;" == escape("<b>&amp;")
    assert "&lt;b&gt;" == escape(escape("<b>"))
    assert r"a\x1b[2Jb" == escape("a\x1b[2Jb")
    assert LONGEST + 1 == len(escape("x" * 10_000))
    assert EVIL[:5] not in table([EVIL], [[EVIL, Markup("<p>ours</p>")]])
    assert "<p>ours</p>" in card(EVIL, Markup("<p>ours</p>"))


def test_a_call_shows_its_state_and_what_happened(world: Any) -> None:
    """From answer to end, with numbers masked."""
    _, _, client = world
    call = client.dial_phone(to="+12025550100", from_number="+12025550199")
    assert "call.keep_events()" in safe(call._repr_html_()).text
    call.keep_events()
    playing = call.play_tts("Hello")
    assert "PlayAction" in safe(call._repr_html_()).text
    playing.wait()
    assert {"finished", "yes"} <= set(safe(playing._repr_html_()).text.split())
    call.hangup()
    call.wait_for_ended()
    page = safe(call._repr_html_())
    assert {"ended", "hangup", "play", "playing", "finished", "+1202…00"} <= set(page.text.split())
    assert "+12025550100" not in page.text
    frame = call.events.to_pandas()
    assert ["playing", "finished"] == [*frame[frame.event_type == "calling.call.play"].state]


def test_what_a_server_says_is_text(world: Any) -> None:
    """Headers, reasons and tags of an inbound call may hold anything."""
    _, relay, client = world
    client.receive([EVIL])
    relay.place_call(EVIL, from_=EVIL, to=EVIL, timeout=10)
    call = client.next_call(timeout=10)
    call.keep_events()
    call.answer()
    call.hangup()
    assert "<img src=x" in safe(call._repr_html_()).text  # as text
    safe(relay.journal._repr_html_())


def test_a_recording_can_be_heard_and_seen(world: Any, tmp_path: Path) -> None:
    """A player of both sides, a picture, the quality of each side and how they were laid."""
    clock, _, client = world
    call = client.dial_phone(to="+12025550100", from_number="+12025550199")
    with call.capture(tmp_path / f"{EVIL[:4]}.wav") as capture:
        call.play_tts("Hello").wait()
        clock.sleep(2)
    call.hangup()
    page = safe(capture._repr_html_())
    assert {"finished", "said", "heard", "laid"} <= set(page.text.split())
    sources = {tag: attributes["src"] or "" for tag, attributes in page.tags if tag in ("audio", "img")}
    wav, png = (base64.b64decode(sources[tag].partition(",")[2]) for tag in ("audio", "img"))
    assert (b"RIFF", b"\x89PNG") == (wav[:4], png[:4])
    samples = capture.to_numpy()
    assert ((round(8000 * capture.duration), 2), "int16") == (samples.shape, str(samples.dtype))
    assert 44 + samples.nbytes == len(wav)
    assert 5 == len(capture.plot().axes)


def test_a_recording_without_a_file_says_so(world: Any) -> None:
    """It has gone to an array: quality, but no player."""
    _, _, client = world
    call = client.dial_phone(to="+12025550100", from_number="+12025550199")
    with call.capture(media.ArraySink()) as capture:
        call.play_tts("Hello").wait()
    call.hangup()
    page = safe(capture._repr_html_())
    assert "audio" not in {tag for tag, _ in page.tags}
    assert "said" in page.text.split()


def test_a_batch_shows_counts_and_no_numbers(tmp_path: Path) -> None:
    """With bars for what the calls came to."""
    with swsync.LocalRelay(speed=20, tls=False) as relay:
        settings = {**relay.settings, "connect_timeout": 1200.0, "request_timeout": 1200.0}  # a minute
        options: dict[str, Any] = {"prefixes": ["+1202"], "start": "00:00", "end": "24:00", "rate": 50}
        with Batch(EVIL[:20], tmp_path / "calls.db", announce("Hello"), settings=settings,
                   from_number="+12025550199", **options) as batch:  # fmt: skip
            zone = "America/New_York"
            batch.load([{"number": f"+1202555014{n}", "consent": "yes", "zone": zone} for n in (1, 3)])
            page = safe(batch.run()._repr_html_())
    assert {"finished", "busy", "decline", "50.0"} <= set(page.text.split())
    assert "+1202" not in page.text


def test_a_meter_begins_silent() -> None:
    """At the left end, with its label as text."""
    assert "-60 dBov" in safe(LevelMeter(EVIL)._repr_html_()).text


def test_waiting_with_a_bar_is_waiting(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It returns the action's last event, as ``wait`` does."""
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # a thread of tqdm's that lives as long as the process
    _, _, client = world
    call = client.dial_phone(to="+12025550100", from_number="+12025550199")
    with call.capture(tmp_path / "call.wav") as capture:
        assert "finished" == progress(call.play_tts("Hello"), capture).state
    call.hangup()


@pytest.mark.parametrize("rate", [0, 5, -8000, float("nan")])
def test_a_meter_refuses_a_rate_that_no_sound_has(rate: float) -> None:
    """Of 5 samples a second a tenth is none, and there would be no end of those."""
    with pytest.raises(MediaError, match="samples a second"):
        LevelMeter().add(bytes(100), rate)  # type: ignore[arg-type]
