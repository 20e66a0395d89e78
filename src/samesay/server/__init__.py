"""The embeddings server: OpenAI-compatible doors to the same calls as in Python."""
