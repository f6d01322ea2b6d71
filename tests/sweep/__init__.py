"""Whole programs on a link that fails, in virtual time: ``python -m tests.sweep``, also with ``--soak 10000``.

``calls`` and ``batches`` are the programs, ``plans`` draws what goes wrong, ``running`` does one run and
``outcome`` says what it is held to.
"""
