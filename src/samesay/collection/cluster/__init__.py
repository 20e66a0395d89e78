"""Collections in a Qdrant cluster: all of a segment lies in its point, and filters are the cluster's."""
