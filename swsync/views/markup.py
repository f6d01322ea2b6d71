"""The few pieces of HTML that all views are made of. Every text that goes in is escaped here, and only here."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

__all__ = ["Markup", "badge", "bars", "breakable", "card", "escape", "image", "note", "player", "table"]

LONGEST = 300  # characters of one value that are shown

# A notebook's own colours, by day and by night; plain ones outside of it.
INK, PALE = "var(--jp-ui-font-color1,#222)", "var(--jp-ui-font-color2,#666)"
LINE, GROUND = "var(--jp-border-color2,#ddd)", "var(--jp-layout-color2,#f3f4f5)"
COLOURS = {"good": "#2f6f4f", "busy": "#8a6d1f", "bad": "#a33b2f", "": "#5f6b76"}


class Markup(str):
    """HTML that is safe to show: made by the functions of this module, of escaped text."""

    __slots__ = ()


def escape(value: object) -> Markup:
    """A value as text: markup escaped, control characters made visible, cut where it gets long. Markup stays."""
    if isinstance(value, Markup):
        return value
    text = str(value)
    cut = text[:LONGEST] + ("…" if len(text) > LONGEST else "")
    return Markup(html.escape("".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cut)))


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """Rows under a head, which may be empty."""
    cell = f"padding:2px 12px 2px 0;border-bottom:1px solid {LINE};text-align:left;vertical-align:top"
    lines = "".join("<tr>" + "".join(f'<td style="{cell}">{escape(v)}</td>' for v in row) + "</tr>" for row in rows)
    titles = "".join(f'<th style="{cell};color:{PALE};font-weight:500">{escape(title)}</th>' for title in head)
    top = f"<thead><tr>{titles}</tr></thead>" if titles else ""
    return Markup(
        f'<table style="border-collapse:collapse;font-size:13px;margin:6px 0">{top}<tbody>{lines}</tbody></table>'
    )


def breakable(text: object) -> Markup:
    """Text whose long words may be broken, so that a table stays within its card."""
    return Markup(f'<span style="overflow-wrap:anywhere">{escape(text)}</span>')


def badge(text: object, kind: str = "") -> Markup:
    """A word on a coloured ground: ``good``, ``busy``, ``bad``, or none of these."""
    look = f"background:{COLOURS[kind]};color:#fff;border-radius:9px;padding:1px 9px;font-size:12px"
    return Markup(f'<span style="{look}">{escape(text)}</span>')


def note(text: object) -> Markup:
    """A remark below the rest."""
    return Markup(f'<p style="color:{PALE};font-size:12px;margin:4px 0">{escape(text)}</p>')


def bars(counts: Iterable[tuple[str, int]]) -> Markup:
    """How often what was seen: a line with a bar for each, longest first."""
    ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
    total = sum(count for _, count in ordered) or 1
    return table([], [(name, count, _bar(count / total), f"{100 * count / total:.1f} %") for name, count in ordered])


def _bar(share: float, width: int = 240) -> Markup:
    look = f"background:{COLOURS['good']};height:10px;border-radius:2px;width:{max(1, round(share * width))}px"
    return Markup(f'<div style="{look}"></div>')


def image(png: bytes, alt: str) -> Markup:
    """A picture that was drawn here."""
    data = base64.b64encode(png).decode()
    return Markup(f'<img alt="{html.escape(alt)}" style="max-width:100%" src="data:image/png;base64,{data}">')


def player(wav: bytes, label: str) -> Markup:
    """A player of a WAV that was written here."""
    data = base64.b64encode(wav).decode()
    look = "width:100%;max-width:640px;margin:4px 0"
    return Markup(
        f'<audio controls preload="metadata" aria-label="{html.escape(label)}" style="{look}" '
        f'src="data:audio/wav;base64,{data}"></audio>'
    )


def card(title: object, *parts: str) -> Markup:
    """A frame with a title and what it is about."""
    box = "border-radius:6px;padding:8px 14px;margin:4px 0;max-width:960px;overflow-x:auto"
    look = f"border:1px solid {LINE};{box};color:{INK}"
    head = f'<div style="background:{GROUND};margin:-8px -14px 6px;padding:6px 14px">{escape(title)}</div>'
    return Markup(f'<div class="swsync-card" style="{look}">{head}{"".join(map(escape, parts))}</div>')
