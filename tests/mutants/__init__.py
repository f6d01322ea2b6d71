"""Proof that the tests can fail: each guarantee broken once, on purpose, in a copy of the repository.

``guarantees.py`` is the data, ``__main__.py`` runs it.
"""
