"""What is opened and closed a thousand times leaves nothing: ``python -m tests.leaks``.

``lives`` are the things, ``growth`` measures what they leave behind.
"""
