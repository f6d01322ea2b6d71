"""The fixtures of whole programs."""

from appprogram import environment, relay, start

__all__ = ["environment", "relay", "start"]
