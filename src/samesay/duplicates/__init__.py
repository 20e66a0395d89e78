"""Near-duplicates among many texts, and the pairs between two lists of them."""
