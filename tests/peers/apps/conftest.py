"""The fixtures of whole programs, which these need packages of the extra `apps` for, or Debian's Redis."""

from appprogram import environment, relay, start

__all__ = ["environment", "relay", "start"]
