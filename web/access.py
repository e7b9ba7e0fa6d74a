"""Who may see the planners' pages: those who know the access word, or, without one, this machine alone."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time

from fastapi import Request

from web.services import Services

COOKIE = "buqi_planner"
SESSION_S = 12 * 3600
PROXIED = ("forwarded", "via", "x-real-ip")  #: headers only a proxy sends


def is_admitted(request: Request, services: Services) -> bool:
    """Whether this request may read the demand."""
    if not services.planner_token:
        return is_local(request)
    return _is_session(request.cookies.get(COOKIE, ""), services.planner_token, time.time())


def is_token(given: str, token: str) -> bool:
    """Compares as bytes, in a time that tells nothing about where they differ."""
    return hmac.compare_digest(given.encode(), token.encode())


def session(token: str, now_s: float) -> str:
    """What the cookie holds: when it ends, signed with the access word; never the word itself."""
    ends = str(int(now_s) + SESSION_S)
    return f"{ends}.{_sign(ends, token)}"


def _is_session(cookie: str, token: str, now_s: float) -> bool:
    ends, _, signature = cookie.partition(".")
    if not hmac.compare_digest(signature.encode(), _sign(ends, token).encode()):
        return False
    return ends.isascii() and ends.isdigit() and now_s < int(ends)


def _sign(ends: str, token: str) -> str:
    return hmac.new(token.encode(), b"planner session " + ends.encode(), hashlib.sha256).hexdigest()


def is_local(request: Request) -> bool:
    """A browser on this machine, asking for this machine by its own name.

    A request that came through a proxy is not local although its last step was; nor is a page elsewhere whose name
    was pointed at 127.0.0.1. A proxy that sends `Host: 127.0.0.1` and says nothing of itself cannot be told from a
    browser here: therefore settings that make the server public are refused without a planner token.
    """
    forwarded = any(name in PROXIED or name.startswith("x-forwarded-") for name in request.headers)
    host = request.client.host if request.client else ""
    named = request.url.hostname or ""
    return not forwarded and _is_loopback(host) and (named == "localhost" or _is_loopback(named))


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
