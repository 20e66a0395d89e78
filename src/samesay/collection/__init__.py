"""Collections: documents that are stored, searched, and survive what happens to the process."""
