"""One reminder a line of a CSV file, for cron: never two runs at a time, and an exit code that says what happened.

    printf 'number,name\\n+12025550110,Ann\\n+12025550111,Ben\\n' > today.csv
    CALLER_ID=+12025550199 ALLOWED_DESTINATIONS=+1202 python cron_reminders.py today.csv reminders.lock; echo $?

0: all were reached. 1: some were not. 2: wrong use or settings. 75: try later, for there was no link or the last run
still goes on. In a crontab, with the same variables and the SIGNALWIRE_ ones set at its top:

    0 10 * * *  cd /srv/reminders && venv/bin/python cron_reminders.py today.csv reminders.lock

cron sends by mail what is printed, so that names lines of the file and no numbers. Each run rings all of the file: that
nobody is rung twice, whatever is killed in between, is what swsync.batch is for.
"""

import csv
import fcntl
import os
import signal
import sys

import swsync

OK, SOME_FAILED, USAGE, TRY_LATER = 0, 1, 2, 75  # 75 is EX_TEMPFAIL of sysexits.h


def setting(name):
    if not os.environ.get(name):
        raise swsync.ConfigurationError(f"{name} is not set")
    return os.environ[name]


def lock(path):
    """The open lock file, or None if another run has it. The system gives it back, however this process ends."""
    file = open(path, "a")  # noqa: SIM115 -- it stays open as long as the program runs
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def remind(client, caller, row, line):
    """Call one person; whether they have heard it."""
    try:
        with client.dial_phone(to=row["number"], from_number=caller, timeout=30) as call:
            call.play_tts(f"Hello {row['name']}, this is a reminder.").wait(timeout=60)
    except swsync.ConnectionClosed:
        raise
    except (swsync.SwsyncError, TimeoutError) as error:
        print(f"line {line}: {error}", file=sys.stderr)
        return False
    print(f"line {line}: reached")
    return True


def remind_all(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    caller, allowed = setting("CALLER_ID"), setting("ALLOWED_DESTINATIONS").split(",")
    with swsync.RelayClient(allowed_destinations=allowed) as client:
        reached = [remind(client, caller, row, line) for line, row in enumerate(rows, start=2)]
    return OK if all(reached) else SOME_FAILED


def main(arguments):
    if len(arguments) != 2:
        print("usage: cron_reminders.py FILE.csv LOCK", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leaves by the with: the call is ended
    try:
        held = lock(arguments[1])
        if held is None:
            print("the last run still goes on", file=sys.stderr)
            return TRY_LATER
        with held:
            return remind_all(arguments[0])
    except (KeyError, OSError, swsync.ConfigurationError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return USAGE
    except (swsync.ConnectionFailed, swsync.ConnectionClosed) as error:
        print(error, file=sys.stderr)
        return TRY_LATER


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
