"""The doors, by concern."""
