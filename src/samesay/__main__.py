"""``python -m samesay``."""

from samesay.cli import main

main()
