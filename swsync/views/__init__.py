"""How calls, recordings, batches and journals look in a notebook: HTML and pictures of values, nothing else.

Whatever came from outside is escaped, no view holds a script, and nothing is fetched from anywhere.
"""
