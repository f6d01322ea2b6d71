"""Speed, as ratios against named peers, interleaved in one run: ``python -m benchmarks [section ...]``.

Each module here that has a function ``run(rounds)`` is a section; it yields :class:`benchmarks._measure.Line`. Peers
come with ``pip install swsync[bench]``; a section whose peer is missing says so and is passed over.
"""
