"""What qdrant-client raises where a request fails."""

from __future__ import annotations


def request_errors(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """Give the errors of a request: of an answer, of too many requests, of the way there, and more."""
    from httpx import HTTPError
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

    # An answer 429 that names a pause is a QdrantException, and every other one an ApiException.
    return (ApiException, QdrantException, HTTPError, OSError, *more)
