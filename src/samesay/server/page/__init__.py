"""The page: see why two sentences match."""
