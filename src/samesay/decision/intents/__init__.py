"""Which of several intents a text has, or none, from a few examples of each."""
