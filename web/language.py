"""The language of a request."""

from __future__ import annotations

from fastapi import Request


def language_of(request: Request, default: str = "zh") -> str:
    """`?lang=en` or the default: Chinese first, English second."""
    return "en" if request.query_params.get("lang", default) == "en" else "zh"
