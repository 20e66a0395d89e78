"""The parts of ``server_load.py``: a cheap client, a server in a process, and what is done to it."""
