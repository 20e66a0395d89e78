"""Whether samesay computes rightly on this machine, and what a bug report should say."""
