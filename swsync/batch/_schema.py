"""The tables of a ledger, in words that SQLite and PostgreSQL both understand."""

from __future__ import annotations

__all__ = ["TABLES", "VERSION"]

VERSION = 1

# {serial} is the dialect's self-numbering key. Times are seconds since 1970; "" and 0 stand for "not yet".
TABLES = (
    "CREATE TABLE IF NOT EXISTS ledger (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, salt TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS jobs (
        job TEXT PRIMARY KEY, settings TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'ready',
        reason TEXT NOT NULL DEFAULT '', created DOUBLE PRECISION NOT NULL, calls INTEGER NOT NULL DEFAULT 0,
        seconds DOUBLE PRECISION NOT NULL DEFAULT 0, cost DOUBLE PRECISION NOT NULL DEFAULT 0,
        humans INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS owners (
        owner {serial}, machine TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL,
        lease_until DOUBLE PRECISION NOT NULL, session TEXT NOT NULL DEFAULT '',
        ended DOUBLE PRECISION NOT NULL DEFAULT 0, has_left INTEGER NOT NULL DEFAULT 0,
        tidied INTEGER NOT NULL DEFAULT 0, tidying_until DOUBLE PRECISION NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS owners_open ON owners (tidied, owner)",
    # key is a keyed hash of the number: it outlives a purge, so that a list loaded again adds nobody.
    """CREATE TABLE IF NOT EXISTS rows (
        id {serial}, job TEXT NOT NULL, key TEXT NOT NULL, number TEXT NOT NULL, zone TEXT NOT NULL DEFAULT '',
        data TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT 'pending', outcome TEXT NOT NULL DEFAULT '',
        not_before DOUBLE PRECISION NOT NULL DEFAULT 0, owner INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0, tag TEXT NOT NULL DEFAULT '', changed DOUBLE PRECISION NOT NULL DEFAULT 0,
        UNIQUE (job, key))""",
    "CREATE INDEX IF NOT EXISTS rows_due ON rows (job, status, not_before, id)",
    "CREATE INDEX IF NOT EXISTS rows_owner ON rows (owner) WHERE owner <> 0",
    """CREATE TABLE IF NOT EXISTS attempts (
        tag TEXT PRIMARY KEY, row_id INTEGER NOT NULL, job TEXT NOT NULL, key TEXT NOT NULL,
        attempt INTEGER NOT NULL, owner INTEGER NOT NULL, at DOUBLE PRECISION NOT NULL,
        call_id TEXT NOT NULL DEFAULT '', node_id TEXT NOT NULL DEFAULT '', outcome TEXT NOT NULL DEFAULT '',
        result TEXT NOT NULL DEFAULT '', ended DOUBLE PRECISION NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS attempts_key ON attempts (key, at)",
    "CREATE INDEX IF NOT EXISTS attempts_row ON attempts (row_id)",
    "CREATE INDEX IF NOT EXISTS attempts_owner ON attempts (owner, ended)",
    """CREATE TABLE IF NOT EXISTS do_not_call (
        number TEXT PRIMARY KEY, reason TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    # What to add to a machine's steady clock to have seconds since 1970, as of when the ledger was first opened on it.
    "CREATE TABLE IF NOT EXISTS clocks (boot TEXT PRIMARY KEY, ahead DOUBLE PRECISION NOT NULL)",
    """CREATE TABLE IF NOT EXISTS pace (
        id INTEGER PRIMARY KEY, next DOUBLE PRECISION NOT NULL, held_until DOUBLE PRECISION NOT NULL)""",
)
