"""Taking URLs apart and putting them together. Source: Go `net/url`, sprig `url.go`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from lang import strconv
from lang.sprig import casting, reflection
from lang.sprig.registry import Table, fail, takes

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_ASCII_ESCAPE = re.compile("%(?!25)[0-7][0-9A-Fa-f]")
_USER = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT = re.compile(r"(?::[0-9]*)?")
_HOST = re.compile(r"[A-Za-z0-9\-_.~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]*")
_PATH_SAFE = "$&+,/:;=@-_.~"
_USER_SAFE = "$&+,;=-_.~"


class _Bad(Exception):
    """What is wrong, and the text in which, where that is not the URL without its fragment."""


@dataclass(slots=True)
class _Parts:
    scheme: str = ""
    opaque: str = ""
    userinfo: str = ""
    host: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""


def _bad_escape(text: str) -> _Bad:
    return _Bad(f"invalid URL escape {strconv.quote(text)}")


def _unescaped(text: str) -> str:
    if "%" not in text:
        return text
    bad = _ESCAPE.search(text.encode(errors="replace"))
    if bad is not None:
        raise _bad_escape(casting.decoded(bad.group()))
    return casting.decoded(unquote_to_bytes(text))


def _parsed(text: str) -> _Parts:
    rest, _, fragment = text.partition("#")
    parts = _Parts()
    _fill(rest, parts)
    try:
        parts.fragment = _unescaped(fragment)
    except _Bad as bad:
        raise _Bad(bad.args[0], text) from None
    return parts


def _fill(rest: str, parts: _Parts) -> None:
    """All but the fragment."""
    if any(character < " " or character == "\x7f" for character in rest):
        raise _Bad("net/url: invalid control character in URL")
    rest = _scheme(rest, parts)
    rest, _, parts.query = rest.partition("?")
    if not rest.startswith("/"):
        if parts.scheme:
            parts.opaque = rest
            return
        if ":" in rest.partition("/")[0]:
            raise _Bad("first path segment in URL cannot contain colon")
    if rest.startswith("//") and (parts.scheme or not rest.startswith("///")):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        _authority(authority, parts)
    parts.path = _unescaped(rest)


def _scheme(text: str, parts: _Parts) -> str:
    if text.startswith(":"):
        raise _Bad("missing protocol scheme")
    match = _SCHEME.match(text)
    if match is None:
        return text
    parts.scheme = match.group(1).lower()
    return text[match.end() :]


def _authority(text: str, parts: _Parts) -> None:
    user, at, host = text.rpartition("@")
    parts.host = _host(host, strict=parts.scheme in {"http", "https"})
    if not at:
        return
    if not _USER.fullmatch(user):
        raise _Bad("net/url: invalid userinfo")
    name, colon, password = user.partition(":")
    parts.userinfo = _escaped(_unescaped(name), _USER_SAFE)
    if colon:
        parts.userinfo += ":" + _escaped(_unescaped(password), _USER_SAFE)


def _host(text: str, *, strict: bool) -> str:
    port = ""
    if "[" in text[1:]:
        raise _Bad("invalid IP-literal")
    if text.startswith("["):
        end = text.rfind("]")
        if end < 0:
            raise _Bad("missing ']' in host")
        port = text[end + 1 :]
    elif ":" in text:
        port = text[text.find(":") if strict else text.rfind(":") :]
    if not _PORT.fullmatch(port):
        raise _Bad(f"invalid port {strconv.quote(port)} after host")
    escape = _ASCII_ESCAPE.search(text)
    if escape is not None:
        raise _bad_escape(escape.group())
    if not _HOST.fullmatch(text):
        wrong = next(c for c in text if not _HOST.fullmatch(c))
        raise _Bad(f"invalid character {strconv.quote(wrong)} in host name")
    return _unescaped(text)


def _hostname(host: str) -> str:
    if host.startswith("[") and "]" in host:
        return host[1 : host.find("]")]
    name, colon, port = host.rpartition(":")
    return name if colon and _PORT.fullmatch(":" + port) else host


def _parse(text: str) -> dict[str, Any]:
    try:
        parts = _parsed(text)
    except _Bad as bad:
        whole = bad.args[1] if len(bad.args) > 1 else text.partition("#")[0]
        raise fail(f"unable to parse url: parse {strconv.quote(whole)}: {bad.args[0]}") from None
    return {
        "scheme": parts.scheme,
        "host": parts.host,
        "hostname": _hostname(parts.host),
        "path": parts.path,
        "query": parts.query,
        "opaque": parts.opaque,
        "fragment": parts.fragment,
        "userinfo": parts.userinfo,
    }


def _escaped(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="replace")


def _part(table: dict[str, Any], name: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str):
        kind = reflection.kind_of(value)
        raise fail(f"unable to parse {name} key, must be of type string, but {kind} found")
    return value


def _user(text: str) -> str:
    try:
        return _parsed(f"proto://{text}@host").userinfo if text else ""
    except _Bad as bad:
        whole = strconv.quote(f"proto://{text}@host")
        raise fail(f"unable to parse userinfo in dict: parse {whole}: {bad.args[0]}") from None


def _join(table: dict[str, Any]) -> str:
    names = ("scheme", "host", "path", "query", "opaque", "fragment", "userinfo")
    scheme, host, path, query, opaque, fragment, user = (_part(table, name) for name in names)
    text = f"{scheme}:" if scheme else ""
    user = _user(user)
    text += opaque or _location(scheme, user, host, path)
    text += f"?{query}" if query else ""
    return text + (f"#{_escaped(fragment, '$&+,/:;=?@!()*-_.~')}" if fragment else "")


def _location(scheme: str, user: str, host: str, path: str) -> str:
    text = ""
    if (scheme or host or user) and (host or path or user):
        text = "//" + (f"{user}@" if user else "") + _escaped(host, "!$&'()*+,;=:[]<>\"-_.~")
    escaped = "*" if path == "*" else _escaped(path, _PATH_SAFE)
    if path and not path.startswith("/") and host:
        text += "/"
    elif not text and not scheme and ":" in path.partition("/")[0]:
        text = "./"
    return text + escaped


TABLE: Table = {"urlParse": takes("s", _parse, pace=4), "urlJoin": takes("m", _join)}
