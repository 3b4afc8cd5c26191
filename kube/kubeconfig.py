"""Which server, which certificates, which credentials: kubeconfigs and in-cluster accounts.

Plain kubeconfigs (token, client certificate, basic) are read here, so that commands start fast;
users with `exec`, OIDC or another auth provider go through `kubernetes.aio.config`, imported
only then. Token files are read again when they change.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lang import yaml
from lang.errors import LangError

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_FRESH = 60.0


class ConfigError(OSError):
    """There is no usable configuration; the text says which file and what is wrong."""


@dataclass(slots=True)
class Access:
    """How to reach one API server. `token_file` wins over `token` and is re-read."""

    server: str
    namespace: str | None = None
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    token: str | None = field(default=None, repr=False)
    token_file: Path | None = None
    basic: tuple[str, str] | None = field(default=None, repr=False)
    delegated: Any = None
    """A `kubernetes.aio` configuration that refreshes its own credentials."""


def load(path: str | None = None, context: str | None = None) -> Access:
    """The access to use: `path`, `KUBECONFIG`, ~/.kube/config, or the pod's account.

    Raises ConfigError.
    """
    named = path or os.environ.get("KUBECONFIG")
    if named:
        return _from_files([Path(p) for p in named.split(os.pathsep) if p], context)
    home = Path.home() / ".kube" / "config"
    if home.exists():
        return _from_files([home], context)
    if (ACCOUNT / "token").exists():
        return in_cluster()
    raise ConfigError("no cluster: start one with `headrace up`, or set KUBECONFIG")


def in_cluster() -> Access:
    """The service account of the pod that this process runs in."""
    host, port = (
        os.environ.get("KUBERNETES_SERVICE_HOST"),
        os.environ.get("KUBERNETES_SERVICE_PORT"),
    )
    if not host or not port:
        raise ConfigError("KUBERNETES_SERVICE_HOST and _PORT are not set: not inside a pod")
    bracketed = f"[{host}]" if ":" in host else host
    namespace = (ACCOUNT / "namespace").read_text().strip()
    tls = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    return Access(f"https://{bracketed}:{port}", namespace, tls, token_file=ACCOUNT / "token")


def _from_files(paths: list[Path], context: str | None) -> Access:
    merged: dict[str, Any] = {}
    folder = paths[0].parent
    for path in paths:
        for key, value in _read(path).items():
            if isinstance(value, list) and isinstance(merged.get(key), list):
                merged[key] = merged[key] + value
            else:
                merged.setdefault(key, value)
    name = context or merged.get("current-context")
    where = str(paths[0])
    chosen = _named(merged, "contexts", name, where).get("context") or {}
    cluster = _named(merged, "clusters", chosen.get("cluster"), where).get("cluster") or {}
    user = (
        _named(merged, "users", chosen["user"], where).get("user") or {}
        if chosen.get("user")
        else {}
    )
    if not cluster.get("server"):
        raise ConfigError(f"{where}: cluster {chosen.get('cluster')!r} has no server")
    access = Access(
        cluster["server"].rstrip("/"),
        chosen.get("namespace"),
        _tls(cluster, user, folder) if cluster["server"].startswith("https") else None,
        cluster.get("tls-server-name"),
    )
    if "exec" in user or "auth-provider" in user:
        access.delegated = (paths, name)
    elif user.get("tokenFile"):
        access.token_file = folder / user["tokenFile"]
    elif user.get("token"):
        access.token = user["token"]
    elif user.get("username"):
        access.basic = (user["username"], user.get("password") or "")
    return access


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(yaml.decode(path.read_bytes())) or {}
    except OSError as error:
        raise ConfigError(f"cannot read kubeconfig {path}: {error.strerror}") from error
    except LangError as error:
        raise ConfigError(f"kubeconfig {path} is not YAML: {error.message}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"kubeconfig {path} is not a map")
    return content


def _named(config: dict[str, Any], kind: str, name: str | None, where: str) -> dict[str, Any]:
    for entry in config.get(kind) or ():
        if entry.get("name") == name:
            return dict(entry)
    raise ConfigError(f"{where}: there is no entry {name!r} in {kind}")


def _tls(cluster: dict[str, Any], user: dict[str, Any], folder: Path) -> ssl.SSLContext:
    if cluster.get("certificate-authority-data"):
        ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=ca)
    elif cluster.get("certificate-authority"):
        context = ssl.create_default_context(cafile=str(folder / cluster["certificate-authority"]))
    else:
        context = ssl.create_default_context()
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _material(user, "client-certificate"), _material(user, "client-key")
    if certificate and key:
        _load_pair(context, certificate, key, folder)
    return context


def _material(user: dict[str, Any], field_name: str) -> bytes | str | None:
    data = user.get(f"{field_name}-data")
    return base64.b64decode(data) if data else user.get(field_name)


def _load_pair(
    context: ssl.SSLContext, certificate: bytes | str, key: bytes | str, folder: Path
) -> None:
    """The ssl module reads files only: inline data goes through a private folder for a moment."""
    with tempfile.TemporaryDirectory(prefix="headrace-") as private:
        paths = []
        for name, material in (("crt", certificate), ("key", key)):
            if isinstance(material, bytes):
                path = Path(private) / name
                path.touch(mode=0o600)
                path.write_bytes(material)
            else:
                path = folder / material
            paths.append(str(path))
        try:
            context.load_cert_chain(*paths)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the client certificate cannot be used: {error}") from error
