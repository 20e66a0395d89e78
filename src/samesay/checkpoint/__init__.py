"""Model folders: from a name to a checked record of everything that decides a vector."""
