"""File paths and URLs. Source: sprig `functions.go` (package path), `url.go`."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote, urlsplit

from lang import strconv
from lang.sprig.registry import Table, fail, takes


def base(path: str) -> str:
    """The last element; "." of nothing."""
    if not path:
        return "."
    return posixpath.basename(path.rstrip("/")) or "/"


def clean(path: str) -> str:
    """The shortest equal path."""
    found = posixpath.normpath(path) if path else "."
    return found[1:] if found.startswith("//") else found


def directory(path: str) -> str:
    """All but the last element, cleaned."""
    return clean(path[: path.rfind("/") + 1])


def extension(path: str) -> str:
    """From the last dot of the last element on."""
    name = path[path.rfind("/") + 1 :]
    at = name.rfind(".")
    return name[at:] if at >= 0 else ""


def _parse(text: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise fail(f"unable to parse url: {strconv.quote(text)}: {error}") from None
    authority = parts.netloc
    user, _, host = authority.rpartition("@")
    opaque = ""
    path = parts.path
    if parts.scheme and not authority and path and not path.startswith("/"):
        opaque, path = path, ""
    return {
        "scheme": parts.scheme,
        "host": host,
        "hostname": _hostname(host),
        "path": unquote(path),
        "query": parts.query,
        "opaque": opaque,
        "fragment": unquote(parts.fragment),
        "userinfo": user,
    }


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1 : host.find("]")]
    name, colon, port = host.rpartition(":")
    return name if (colon and port.isdigit()) or (colon and not port) else host


def _join(table: dict[str, Any]) -> str:
    def part(name: str) -> str:
        value = table.get(name, "")
        if not isinstance(value, str):
            raise fail(f"unable to parse {name} key, must be of type string, but {value!r} found")
        return value

    scheme, user, host = part("scheme"), part("userinfo"), part("host")
    text = f"{scheme}:" if scheme else ""
    if part("opaque"):
        text += part("opaque")
    else:
        if host or user or scheme in {"http", "https", "file"}:
            text += "//" + (f"{user}@" if user else "") + host
        path = part("path")
        if path and not path.startswith("/") and host:
            text += "/"
        text += path
    text += f"?{part('query')}" if part("query") else ""
    return text + (f"#{part('fragment')}" if part("fragment") else "")


_FILES: Table = {
    "base": takes("s", base),
    "dir": takes("s", directory),
    "clean": takes("s", clean),
    "ext": takes("s", extension),
    "isAbs": takes("s", lambda path: path.startswith("/")),
}
TABLE: Table = {
    **_FILES,
    **{"os" + name[0].upper() + name[1:]: function for name, function in _FILES.items()},
    "urlParse": takes("s", _parse),
    "urlJoin": takes("m", _join),
}
