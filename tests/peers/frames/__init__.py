"""What both clients put on the wire, driven by one table through one server.

``uses`` is the table; ``../programs/frames_official.py`` and ``driving`` do what it says with each client; ``service``
is the server that answers both and takes their frames down; ``differences`` has what is meant to differ, and why.
"""
