"""A trigger's object from git: a real `git http-backend`, a stand-in for ssh, hostile content."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from events.triggers import source
from events.triggers.contract import TriggerFailed
from kube.egress import EgressSettings
from tests import ports
from tests.events.sources.brokers import program
from tests.events.triggers import firing
from tests.events.triggers.recorder import served

SECRETS = {"git": {"user": "ci", "password": "hush hush", "key": "PRIVATE KEY\n"}}
LOGIN = {
    "username": {"name": "git", "key": "user"},
    "password": {"name": "git", "key": "password"},
}


@dataclass(slots=True)
class Host:
    """A bare repository behind git's own HTTP server, and the work tree that fills it."""

    folder: Path
    port: int
    authorizations: list[str] = field(default_factory=list)
    password: str = ""
    location: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/repo.git"

    def git(self, *arguments: str) -> str:
        me = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        command = [program("git", "git"), *me, *arguments]
        work = self.folder / "work"
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, branch: str, **files: str) -> str:
        """A commit of these files on a branch, pushed; its name."""
        work = self.folder / "work"
        if not work.exists():
            work.mkdir()
            self.git("init", "-q", "-b", branch)
            bare = self.folder / "repo.git"
            self.git("init", "-q", "--bare", "-b", "trunk", str(bare))
            self.git("-C", str(bare), "config", "uploadpack.allowAnySHA1InWant", "true")
        self.git("checkout", "-q", "-B", branch)
        for name, text in files.items():
            (work / f"{name}.yaml").write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "m")
        self.git("push", "-q", str(self.folder / "repo.git"), branch)
        return self.git("rev-parse", "HEAD")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith("/access_tokens"):
            return web.json_response({"token": "app-token"}, status=201)
        self.authorizations.append(request.headers.get("Authorization", ""))
        if self.location:
            return web.Response(status=302, headers={"Location": self.location})
        if self.password:
            wanted = f"Basic {base64.b64encode(self.password.encode()).decode()}"
            if self.authorizations[-1] != wanted:
                return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return await self._backend(request, await request.read())

    async def _backend(self, request: web.BaseRequest, body: bytes) -> web.Response:
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        }
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=variables,
        )
        out, _ = await process.communicate(body)
        head, _, rest = out.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(fields.pop("Status", "200").split(" ")[0])
        return web.Response(status=status, headers=fields, body=rest)


@asynccontextmanager
async def hosting(folder: Path) -> AsyncIterator[Host]:
    host = Host(folder, ports.free_port())
    async with served(host.handle, host.port):
        yield host


async def read(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {"git": {"filePath": "a.yaml", **spec}}
    assert source.fault(given) is None
    return await source.fetch(firing.context(SECRETS, **more), given)


async def test_branch_tag_ref_commit_and_what_is_there_without_any(tmp_path: Path) -> None:
    async with hosting(tmp_path) as host:
        first = host.commit("trunk", a="{kind: first}")
        host.git("push", "-q", str(tmp_path / "repo.git"), "HEAD:refs/tags/v1")
        assert await read({"url": host.url}) == {"kind": "first"}  # no master: what HEAD says
        host.commit("master", a="{kind: second}")
        host.commit("trunk", a="{kind: third}")
        assert await read({"url": host.url}) == {"kind": "second"}
        found = {
            name: (await read({"url": host.url, name: value}))["kind"]
            for name, value in {"branch": "trunk", "tag": "v1", "ref": "refs/tags/v1"}.items()
        }
        assert found == {"branch": "third", "tag": "first", "ref": "first"}
        assert await read({"url": host.url, "ref": first}) == {"kind": "first"}
        both = {"url": host.url, "branch": "trunk", "tag": "v1"}
        assert await read(both) == {"kind": "third"}
        remote = {
            "url": "https://nowhere.example.com/x",
            "remote": {"name": "o", "urls": [host.url]},
        }
        assert await read({**remote, "tag": "v1"}) == {"kind": "first"}


async def test_a_password_goes_along_and_is_in_no_message(tmp_path: Path) -> None:
    async with hosting(tmp_path) as host:
        host.commit("master", a="{kind: secret}")
        host.password = "ci:hush hush"
        assert await read({"url": host.url, "creds": LOGIN}) == {"kind": "secret"}
        host.password = "ci:other"
        with pytest.raises(TriggerFailed, match=r"source\.git: .*") as caught:
            await read({"url": host.url, "creds": LOGIN})
        assert "hush" not in str(caught.value)
        assert not caught.value.permanent


async def test_any_address_of_a_name_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def both(host: str, port: int, *more: Any) -> list[Any]:
        assert host == "git.example"
        found = [(socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1")]
        return [(family, socket.SOCK_STREAM, 6, "", (at, port)) for family, at in found]

    async with hosting(tmp_path) as host:
        host.commit("master", a="{kind: found}")
        monkeypatch.setattr(socket, "getaddrinfo", both)
        url = host.url.replace("127.0.0.1", "git.example")
        assert await read({"url": url}) == {"kind": "found"}


async def test_a_github_app_has_a_token(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    secrets = {"app": {"key": key.decode()}}
    app = {"privateKey": {"name": "app", "key": "key"}, "appID": 7, "installationID": 8}
    async with hosting(tmp_path) as host:
        host.commit("master", a="{kind: app}")
        host.password = "x-access-token:app-token"
        given = {"git": {"url": host.url, "filePath": "a.yaml", "githubApp": app}}
        assert await source.fetch(firing.context(secrets), given) == {"kind": "app"}


async def test_ssh_is_told_the_key_and_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path, 0)
    host.commit("master", a="{kind: by ssh}")
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" > "$0.said"\n'
        'for last; do :; done\nfor word; do case "$word" in IdentityFile=*) '
        f'cat "${{word#*=}}" > "$0.key"; esac; done\ncd {tmp_path} && exec sh -c "$last"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    key = {"name": "git", "key": "key"}
    for url in ("ssh://git@127.0.0.1:2222/./repo.git", "git@127.0.0.1:repo.git"):
        where = {"url": url.replace("/./", "/~/../" + str(tmp_path).lstrip("/") + "/")}
        if "2222" in url:
            where = {"url": f"ssh://git@127.0.0.1:2222{tmp_path}/repo.git"}
        assert await read({**where, "sshKeySecret": key}) == {"kind": "by ssh"}
        said = (tmp_path / "bin" / "ssh.said").read_text().splitlines()
        assert "HostName=127.0.0.1" in said
        assert "HostKeyAlias=127.0.0.1" in said
        assert "StrictHostKeyChecking=yes" in said
        assert not any("PRIVATE" in word for word in said)
    assert (tmp_path / "bin" / "ssh.key").read_text() == "PRIVATE KEY\n"
    given = {**where, "sshKeySecret": key, "insecureIgnoreHostKey": True}
    await read(given)
    assert "StrictHostKeyChecking=no" in (tmp_path / "bin" / "ssh.said").read_text()


async def test_a_link_a_folder_and_a_long_file_are_refused(tmp_path: Path) -> None:
    async with hosting(tmp_path) as host:
        host.commit("master", a="x" * 600_000)
        work = tmp_path / "work"
        (work / "link").symlink_to("/etc/passwd")
        (work / "way").symlink_to("folder")
        (work / "folder").mkdir()
        (work / "folder" / "b.yaml").write_text("{}")
        host.commit("master")
        for path, words in {
            "a.yaml": "is larger than 524288 bytes",
            "link": "is a link",
            "folder": "is no file of that commit",
            "way/b.yaml": "is no file of that commit",
            "none": "is no file of that commit",
            "*.yaml": "is no file of that commit",
        }.items():
            with pytest.raises(TriggerFailed, match=words) as caught:
                await read({"url": host.url, "filePath": path})
            assert caught.value.permanent


async def test_the_egress_policy_holds_also_after_a_redirect(tmp_path: Path) -> None:
    async with hosting(tmp_path) as host:
        host.commit("master", a="{}")
        own = EgressSettings(own_ports=lambda: frozenset({host.port}))
        with pytest.raises(TriggerFailed, match="belongs to headrace itself") as caught:
            await read({"url": host.url}, egress=own)
        assert caught.value.permanent
        assert host.authorizations == []
        with pytest.raises(TriggerFailed, match="link-local"):
            await read({"url": "https://169.254.169.254/x.git"})
        host.location = f"http://127.0.0.1:{host.port}/other.git"
        with pytest.raises(TriggerFailed, match=r"source\.git: "):
            await read({"url": host.url})
        assert len(host.authorizations) == 1  # nothing followed it


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"url": ""}, "url: must be"),
        ({"url": "/srv/repo.git"}, "url: must be"),
        ({"url": "file:///srv/repo.git"}, "url: must be"),
        ({"url": "ext::sh -c date"}, "url: must be"),
        ({"url": "https://u:p@example.com/x"}, "without a password"),
        ({"url": "ssh://-oProxyCommand=date/x"}, "url: must be"),
        ({"url": "--upload-pack=date"}, "url: must be"),
        ({"url": "http://a.example\\@b.example/x"}, "url: must be"),
        ({"url": "http://a%2eexample/x"}, "url: must be"),
        ({"url": "gopher://a.example/x"}, "url: must be"),
        ({"url": "ssh://git@example.com/x"}, "sshKeySecret: is required for an ssh URL"),
        ({"remote": {"name": "o", "urls": ["file:///srv/x"]}}, "url: must be"),
        ({"filePath": ""}, "filePath: is required"),
        ({"filePath": "../a"}, "filePath: must be a path within"),
        ({"filePath": "/etc/passwd"}, "filePath: must be a path within"),
        ({"branch": "--upload-pack=date"}, "branch: '--upload-pack=date' is no name"),
        ({"tag": "a..b"}, "tag: 'a..b' is no name"),
        ({"ref": "+refs/heads/a:refs/heads/b"}, "ref: "),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], words: str) -> None:
    given = {"git": {"url": "https://example.com/x.git", "filePath": "a.yaml", **wrong}}
    assert words in (source.fault(given) or "")


async def test_without_git_the_message_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TriggerFailed, match="git is not installed"):
        await read({"url": "http://127.0.0.1:1/x.git"})
