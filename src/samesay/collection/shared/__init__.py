"""Collections in an object store: many readers, one writer, and each version whole."""
