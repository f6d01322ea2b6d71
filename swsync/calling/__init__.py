"""What a call can do, one file per capability: its verbs, its action and its parameters."""
