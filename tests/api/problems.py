"""What every error looks like."""

from __future__ import annotations


def problem(response, status, code):
    """Check that a response is this problem, and return its members."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    found = response.json()
    assert found.keys() >= {"type", "title", "status", "detail", "code"}
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == f"urn:kutubxona:problem:{code}"
    return found
