"""One file for each command of ``swsync``; ``swsync.cli`` reads the command line and calls them."""
