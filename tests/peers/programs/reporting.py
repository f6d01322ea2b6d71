"""What a program tells of its steps, as lines of JSON: which one begins, and what came of it."""

import json
from contextlib import contextmanager


def report(**facts):
    print(json.dumps(facts), flush=True)


@contextmanager
def reported(step):
    """Tell of one step. The body puts its ``result`` into what it is given; an error is told of and not raised."""
    report(begins=step)
    outcome = {}
    try:
        yield outcome
    except Exception as error:
        report(step=step, error=type(error).__name__, text=str(error))
    else:
        report(step=step, **outcome)
