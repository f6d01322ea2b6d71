"""What is done to the call's own audio: hold, noise reduction, echo."""

from __future__ import annotations

from typing import Any

from swsync.calling._base import Verbs

__all__ = ["EffectVerbs"]


class EffectVerbs(Verbs):
    """The verbs without an action: each returns RELAY's reply."""

    def hold(self) -> dict[str, Any]:
        """Put the party on hold."""
        return self.request("hold")

    def unhold(self) -> dict[str, Any]:
        """Take the party off hold."""
        return self.request("unhold")

    def denoise(self) -> dict[str, Any]:
        """Switch noise reduction on."""
        return self.request("denoise")

    def denoise_stop(self) -> dict[str, Any]:
        """Switch noise reduction off."""
        return self.request("denoise.stop")

    def echo(self, *, timeout: float | None = None, status_url: str | None = None) -> dict[str, Any]:
        """Send the party's own audio back to it, for ``timeout`` seconds."""
        return self.request("echo", timeout=timeout, status_url=status_url)
