"""What goes wrong in a call, done to both clients by the same server: ``python -m tests.peers.faults``.

``services`` is the server, with one class a fault; ``../programs/faults_ours.py`` and ``faults_official.py`` are what a
user would write with each client; ``running`` brings them together; ``document`` makes the table.
"""
