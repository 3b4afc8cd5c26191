"""A trigger's object kept in a git repository: one file of one commit, never checked out.

The program `git` fetches a single commit into a temporary bare repository, and the file's content
is read from there, so that neither links nor paths of the repository touch this machine. Secrets
go through the environment and private files, never through arguments. The egress policy holds:
the address is checked, and git is told to use it and to follow no redirect.

Source of the fields: Argo Events `GitArtifact`; of branch, tag and ref the first counts, and
without any it is `master`, else what the repository calls its head.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shlex
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from events import jwt
from events.triggers import credentials, exchange
from events.triggers.contract import FiringContext, TriggerFailed
from events.triggers.exchange import Call
from kube.egress import EgressDenied

_PATH = "source.git"
_SECONDS = 60.0
_MOST_BLOCKS = 512 * 1024  # of 512 bytes: no file of the repository's gets larger
_PORTS = {"https": 443, "http": 80, "ssh": 22}
_SCP = re.compile(r"(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9.-]+):(?!/)(.+)\Z", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z|[0-9a-f:.]*:[0-9a-f:.]*\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]*\Z", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the repository is. `url` holds no secret."""

    url: str
    scheme: str
    host: str
    port: int


class _Token(msgspec.Struct):
    token: str


_token = msgspec.json.Decoder(_Token).decode


def fault(spec: Mapping[str, Any]) -> str | None:
    """What is missing or makes no sense."""
    place = _place(_url(spec))
    if place is None:
        return f"{_PATH}.url: must be an http, https or ssh URL of a host, without a password"
    if place.scheme == "ssh" and not spec.get("sshKeySecret"):
        return f"{_PATH}.sshKeySecret: is required for an ssh URL"
    path = str(spec.get("filePath") or "")
    if not path:
        return f"{_PATH}.filePath: is required"
    if path.startswith("/") or ".." in path or "~" in path or "\\" in path or "\0" in path:
        return f"{_PATH}.filePath: must be a path within the repository"
    for field in ("branch", "tag", "ref"):
        name = str(spec.get(field) or "")
        if name and (not _NAME.match(name) or ".." in name):
            return f"{_PATH}.{field}: {name!r} is no name"
    return None


async def fetch(context: FiringContext, spec: Mapping[str, Any], cap: int) -> bytes:
    """The file, at most `cap` bytes. Raises TriggerFailed, MissingValue."""
    problem = fault(spec)
    if problem is not None:
        raise TriggerFailed(problem, permanent=True)
    place = _place(_url(spec))
    assert place is not None
    try:
        async with asyncio.timeout(_SECONDS):
            addresses = await context.services.egress.addresses(place.host, place.port)
    except TimeoutError:
        raise TriggerFailed(f"{_PATH}.url: {place.host} is not looked up in time") from None
    except OSError as error:
        denied = isinstance(error, EgressDenied)
        raise TriggerFailed(f"{_PATH}.url: {error}", permanent=denied) from None
    with tempfile.TemporaryDirectory(prefix="headrace-git-") as name:
        folder = Path(name)
        environment = await _environment(context, spec, place, addresses, folder)
        try:
            async with asyncio.timeout(_SECONDS):
                repository = _Repository(folder / "repository", environment)
                return await repository.read(place.url, _wanted(spec), str(spec["filePath"]), cap)
        except TimeoutError:
            raise TriggerFailed(f"{_PATH}: not fetched within {_SECONDS:.0f} s") from None


def _url(spec: Mapping[str, Any]) -> str:
    urls = (spec.get("remote") or {}).get("urls") or ()
    return str(urls[0] if urls else spec.get("url") or "")


def _place(url: str) -> _Place | None:
    if any(c.isspace() or ord(c) < 33 or c == "\\" for c in url) or url.startswith("-"):
        return None
    if "://" not in url:
        found = _SCP.match(url)
        return _Place(url, "ssh", found.group(2), 22) if found else None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    # The name is told to git together with its address: both must read it alike.
    if not _HOST.match(parts.hostname or "") or parts.password is not None:
        return None
    return _Place(url, parts.scheme, str(parts.hostname), port)


def _wanted(spec: Mapping[str, Any]) -> list[str]:
    """What to ask the server for, one after the other."""
    if branch := spec.get("branch"):
        return [f"refs/heads/{branch}"]
    if tag := spec.get("tag"):
        return [f"refs/tags/{tag}"]
    if ref := spec.get("ref"):
        return [str(ref)]
    return ["refs/heads/master", "HEAD"]


class _Repository:
    """The temporary repository."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    async def read(self, url: str, wanted: list[str], path: str, cap: int) -> bytes:
        """The content of `path` in the first of `wanted` that is there."""
        await self._git("init", "-q", "--bare", str(self._folder))
        for number, ref in enumerate(wanted, 1):
            try:
                await self._git("fetch", "-q", "--no-tags", "--depth=1", "--", url, ref)
                break
            except TriggerFailed as failure:
                missing = "couldn't find remote ref" in str(failure)
                if number == len(wanted) or not missing:
                    raise
        listed = await self._git("ls-tree", "-z", "FETCH_HEAD", "--", path)
        mode, _, rest = listed.partition(b" ")
        kind, _, rest = rest.partition(b" ")
        blob = rest.partition(b"\t")[0].decode()
        if kind != b"blob" or mode == b"120000" or not _COMMIT.match(blob):
            what = "is a link" if mode == b"120000" else "is no file of that commit"
            raise TriggerFailed(f"{_PATH}.filePath: {path} {what}", permanent=True)
        if int(await self._git("cat-file", "-s", blob)) > cap:
            raise TriggerFailed(f"{_PATH}.filePath: is larger than {cap} bytes", permanent=True)
        return await self._git("cat-file", "blob", blob)

    async def _git(self, *arguments: str) -> bytes:
        limited = f'ulimit -f {_MOST_BLOCKS}; exec git --literal-pathspecs "$@"'
        process = await asyncio.create_subprocess_exec(
            "/bin/sh",
            *("-c", limited, "git", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._folder if self._folder.is_dir() else None,
            env=self._environment,
            start_new_session=True,
        )
        try:
            out, words = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())
            raise
        if process.returncode == 127:
            why = f"{_PATH}: the program git is not installed (Debian package git)"
            raise TriggerFailed(why, permanent=True)
        if process.returncode != 0:
            said = " ".join(words.decode("utf-8", "replace").split())[:300]
            raise TriggerFailed(f"{_PATH}: {said or 'git failed'}")
        return out


async def _environment(
    context: FiringContext,
    spec: Mapping[str, Any],
    place: _Place,
    addresses: Sequence[str],
    folder: Path,
) -> dict[str, str]:
    """All that git knows: nothing of this machine's own settings but where programs are."""
    settings = [
        ("protocol.allow", "never"),
        *((f"protocol.{scheme}.allow", "always") for scheme in _PORTS),
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", "20"),
        ("fetch.fsckObjects", "true"),
        ("fetch.recurseSubmodules", "false"),
        ("gc.auto", "0"),
    ]
    made = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
    }
    if place.scheme == "ssh":
        made["GIT_SSH_COMMAND"] = await _ssh(context, spec, place, addresses[0], folder)
    else:
        shown = ",".join(f"[{each}]" if ":" in each else each for each in addresses)
        settings.append(("http.curloptResolve", f"{place.host}:{place.port}:{shown}"))
        login = await _login(context, spec, place)
        if login:
            header = base64.b64encode(login.encode()).decode()
            settings.append(("http.extraHeader", f"Authorization: Basic {header}"))
    made["GIT_CONFIG_COUNT"] = str(len(settings))
    for number, (name, value) in enumerate(settings):
        made |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return made


async def _login(context: FiringContext, spec: Mapping[str, Any], place: _Place) -> str:
    """`user:password`, empty without credentials."""
    if app := spec.get("githubApp"):
        return f"x-access-token:{await _app_token(context, app, place)}"
    creds = spec.get("creds") or {}
    if not creds:
        return ""
    names = ("username", "password")
    user, password = [
        await credentials.required(context, creds.get(name), f"{_PATH}.creds.{name}")
        for name in names
    ]
    return f"{user}:{password}"


async def _app_token(context: FiringContext, app: Mapping[str, Any], place: _Place) -> str:
    """A token of a GitHub App's installation."""
    path = f"{_PATH}.githubApp"
    key = await credentials.required(context, app.get("privateKey"), f"{path}.privateKey")
    now = int(context.services.clock.now())
    claims = {"iat": now - 60, "exp": now + 540, "iss": str(app.get("appID") or "")}
    try:
        assertion = jwt.rs256(key.encode(), claims)
    except ValueError as error:
        raise TriggerFailed(f"{path}.privateKey: {error}", permanent=True) from None
    base = "https://api.github.com"
    if place.host != "github.com":
        base = f"{place.scheme}://{urlsplit(place.url).netloc.rpartition('@')[2]}/api/v3"
    url = f"{base}/app/installations/{int(app.get('installationID') or 0)}/access_tokens"
    headers = {"Authorization": f"Bearer {assertion}", "User-Agent": "headrace"}
    answer = await exchange.send(context, Call("POST", url, path, headers))
    exchange.require_success(answer, path)
    try:
        return _token(answer.body).token
    except msgspec.MsgspecError:
        raise TriggerFailed(f"{path}: the answer holds no token") from None


async def _ssh(
    context: FiringContext, spec: Mapping[str, Any], place: _Place, address: str, folder: Path
) -> str:
    """The command git makes its connection with."""
    key = await credentials.required(context, spec.get("sshKeySecret"), f"{_PATH}.sshKeySecret")
    file = folder / "key"
    file.touch(mode=0o600)
    file.write_text(key.strip() + "\n")
    known, strict = Path.home() / ".ssh" / "known_hosts", "yes"
    if spec.get("insecureIgnoreHostKey"):
        known, strict = Path("/dev/null"), "no"
    options = {
        "IdentityFile": str(file),
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
        "HostName": address,
        "HostKeyAlias": place.host,
        "StrictHostKeyChecking": strict,
        "UserKnownHostsFile": str(known),
        "ConnectTimeout": "20",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return shlex.join(["ssh", "-F", "/dev/null", *words])
