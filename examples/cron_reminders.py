"""One reminder a line of a CSV file, for cron: never two at a time, and an exit code that says what happened.

    */10 9-19 * * *  cron_reminders.py today.csv reminders.lock

0 all were reached; 1 some were not; 2 wrong use or settings; 75 try later (no link, or the last run still goes on).
"""

import csv
import fcntl
import signal
import sys

import swsync

OK, SOME_FAILED, USAGE, TRY_LATER = 0, 1, 2, 75  # 75 is EX_TEMPFAIL of sysexits.h


def lock(path):
    """The open lock file, or None if another run has it. The system gives it back, however this process ends."""
    file = open(path, "a")  # noqa: SIM115 -- it stays open as long as the program runs
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def remind(client, row):
    """Call one person; whether they have heard it."""
    try:
        with client.dial_phone(to=row["number"], from_number="+12025550199", timeout=30) as call:
            call.play_tts(f"Hello {row['name']}, this is a reminder.").wait(timeout=60)
    except swsync.ConnectionClosed:
        raise
    except (swsync.SwsyncError, TimeoutError) as error:
        print(f"{row['number']}: {error}", file=sys.stderr)
        return False
    print(f"{row['number']}: reached")
    return True


def main(arguments):
    if len(arguments) != 2:
        print("usage: cron_reminders.py FILE.csv LOCK", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # leaves by the with: the call is ended
    held = lock(arguments[1])
    if held is None:
        print("the last run still goes on", file=sys.stderr)
        return TRY_LATER
    with held, open(arguments[0], newline="") as file:
        rows = list(csv.DictReader(file))
        try:
            with swsync.RelayClient(allowed_destinations=["+1202"]) as client:
                reached = [remind(client, row) for row in rows]
        except swsync.ConfigurationError as error:
            print(error, file=sys.stderr)
            return USAGE
        except (swsync.ConnectionFailed, swsync.ConnectionClosed) as error:
            print(error, file=sys.stderr)
            return TRY_LATER
    return OK if all(reached) else SOME_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
