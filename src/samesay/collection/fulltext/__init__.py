"""Full text: words of any script, an inverted index in the catalogue, and BM25 over it."""
