"""The answer of a hosted service that said no. Raised by the clients of such services."""

from __future__ import annotations


class Refused(ValueError):
    """The service said no; `status` of HTTP, `code` in its own words."""

    def __init__(self, provider: str, status: int, code: str = "") -> None:
        super().__init__(f"{provider} answered {status}{f' {code}' if code else ''}")
        self.status = status
        self.code = code
