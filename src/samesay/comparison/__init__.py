"""Models side by side on the user's own data: quality, speed, memory."""
