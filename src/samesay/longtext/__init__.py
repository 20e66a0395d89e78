"""Long documents: segments along their own structure, and one vector from the vectors of the segments."""
