"""What a recording looks and sounds like: a player, waveforms, spectrograms, levels, and the quality of each side."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from swsync.views.figures import as_png, draw_recording
from swsync.views.markup import Markup, badge, card, escape, image, note, player, table

if TYPE_CHECKING:
    from swsync.media.quality import Alignment, Quality
    from swsync.media.soundreading import Sound

__all__ = ["recording_card"]

LARGEST = 4 << 20  # octets of a WAV that a page carries: two minutes of two sides at 8 kHz


def recording_card(recording: Any, sound: Sound | None, problem: str = "") -> Markup:
    """A recording, finished or not.

    Args:
        recording: What knows path, duration, quality, alignment and lost spans.
        sound: What is in its file; None if it has none.
        problem: Why it has none.
    """
    state = badge("finished", "good") if recording.closed else badge("recording", "busy")
    name = recording.path.name if recording.path is not None else "recording"
    title = (state, name, f"{recording.duration:.2f} s")
    return card(
        Markup("&ensp;".join(map(escape, title))),
        *(_sound(sound) if sound is not None and sound.pcm else []),
        *([_picture(recording, sound)] if sound is not None and sound.pcm else []),
        _quality(recording.quality),
        _alignment(recording),
        note(problem) if problem else "",
    )


def _sound(sound: Sound) -> list[Markup]:
    wav = sound.wav()
    if sound.is_cut or len(wav) > LARGEST:
        return [note(f"too long to be heard in a page (more than {LARGEST >> 20} MiB): play the file itself")]
    return [player(wav, "left is said, right is heard" if sound.channels == 2 else "one side")]


def _picture(recording: Any, sound: Sound) -> Markup:
    if importlib.util.find_spec("matplotlib") is None:
        return note("waveforms and spectrograms need matplotlib: pip install 'swsync[plot]'")
    picture = draw_recording(sound, list(recording.quality), recording.lost_spans)
    return image(as_png(picture), "waveform, spectrogram and level of each side")


def _quality(quality: Any) -> Markup:
    head = ("side", "seconds", "packets", "lost", "late", "jitter", "speech", "peak", "talk", "clipped", "MOS")
    return table(head, [(name, *_row(one)) for name, one in quality.items()])


def _row(one: Quality) -> tuple[str, ...]:
    mos = one.tap_leg_mos
    return (
        f"{one.seconds:.2f}",
        str(one.packets),
        f"{one.packets_lost} ({100 * one.fraction_lost:.1f} %)",
        str(one.late),
        f"{one.jitter_ms:.1f} ms",
        _level(one.speech_dbov),
        _level(one.peak_dbov),
        f"{one.talk_seconds:.1f} s",
        str(one.clipped),
        "-" if mos is None else f"{mos:.2f}",
    )


def _level(dbov: float) -> str:
    return f"{dbov:.1f} dBov" if dbov > -200 else "silent"


def _alignment(recording: Any) -> Markup | str:
    found: Alignment | None = recording.alignment
    lost = len(recording.lost_spans)
    if found is None or found.source == "none":
        return ""
    text = f"sides laid by {found.source}, {1000 * found.offset:+.1f} ms apart, within {1000 * found.error:.1f} ms"
    return note(text + (f"; {lost} stretches never came (red)" if lost else ""))
