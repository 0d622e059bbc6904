"""ActivityPub: partners push, platforms follow, commons keep in step. It reads like the specification.

What comes from outside is distrusted until its author is proved; nothing here is a second door into the graph.
"""
