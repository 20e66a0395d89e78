"""A process that holds one model and does what it is asked, so that its memory is its own."""

from __future__ import annotations

import os
import signal
import sys

from samesay.comparison.child_work import Worker
from samesay.comparison.wire import Message, receive, send
from samesay.errors import SamesayError


def main() -> None:
    """Answer messages from standard input on standard output until the parent is gone."""
    # Ctrl-C reaches the whole group; the parent ends its children itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a library prints must not get between the messages.
    os.dup2(2, 1)
    worker = Worker()
    while (message := receive(incoming)) is not None:
        try:
            reply = worker.answer(message)
        except SamesayError as error:
            reply = Message({"error": str(error)})
        except MemoryError:
            reply = Message({"error": "there is not enough memory on this machine"})
        except Exception as error:
            # The other models go on, so even a mistake of ours is told instead of ending the process.
            reply = Message({"error": f"{type(error).__name__}: {error}"})
        try:
            send(outgoing, reply)
        except OSError:
            sys.exit(0)
