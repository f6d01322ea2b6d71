"""The processes of :mod:`benchmarks.control`: one server for both sides, and one program for each side.

``official.py`` runs in an environment of its own that holds the official SDK and nothing of swsync; so neither program
imports anything of this repository but what it measures.
"""
