"""A process that holds one engine: loads it, then does what the parent asks over a socket.

The command line is ``prepare ENGINE MODEL-AS-JSON FOLDER`` or
``load ENGINE MODEL-AS-JSON FOLDER THREADS SOCKET``.
"""

from __future__ import annotations

import sys
from time import perf_counter


def main() -> None:
    """Do as the command line says."""
    interpreter_ready = perf_counter()
    import worker  # the time that its imports take is part of the engine's start

    task, *arguments = sys.argv[1:]
    if task == "prepare":
        worker.prepare(*arguments)
    else:
        worker.serve(interpreter_ready, arguments)


if __name__ == "__main__":
    main()
