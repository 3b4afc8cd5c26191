"""What stands in for images where there is no container engine.

The tools of this machine run in their place; a container without `command` has no entrypoint to
take from an image, so only images whose default is known can go without.
"""

from __future__ import annotations

DEFAULTS: dict[str, tuple[str, ...]] = {
    "alpine": ("/bin/sh",),
    "busybox": ("sh",),
    "debian": ("bash",),
    "ubuntu": ("/bin/bash",),
    "fedora": ("/bin/bash",),
    "python": ("python3",),
    "node": ("node",),
    "ruby": ("irb",),
    "bash": ("bash",),
    "golang": ("bash",),
    "redis": ("redis-server",),
    "nats": ("nats-server",),
    "nginx": ("nginx", "-g", "daemon off;"),
}
ENTRYPOINTS: dict[str, tuple[str, ...]] = {
    "alpine/git": ("git",),
    "bitnami/git": ("git",),
    "curlimages/curl": ("curl",),
    "bitnami/kubectl": ("kubectl",),
    "amazon/aws-cli": ("aws",),
    "docker/whalesay": (),
    "argoproj/argosay": (),
    "hello-world": ("echo", "Hello from Docker!"),
}
STAND_INS: dict[str, tuple[str, ...]] = {"python": ("python3",), "pip": ("pip3",)}
"""Names that images have and machines may lack, with what serves as well."""


def repository(image: str) -> str:
    """`docker.io/library/alpine:3.20@sha256:…` → `alpine`."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    name = head + slash + last.partition(":")[0]
    for prefix in ("docker.io/", "index.docker.io/", "library/", "quay.io/", "ghcr.io/"):
        name = name.removeprefix(prefix)
    return name


def command_line(
    image: str, command: tuple[str, ...], args: tuple[str, ...]
) -> tuple[str, ...] | None:
    """What to run; None when only the image itself would know."""
    if command:
        return command + args
    name = repository(image)
    if name in ENTRYPOINTS:
        return (ENTRYPOINTS[name] + args) or None
    if args:
        return args if name in DEFAULTS or "/" not in name else None
    return DEFAULTS.get(name)


def problem(image: str, runtime: str) -> str:
    """What to tell the user in that case."""
    return (
        f"the {runtime} runtime does not pull images, so the entrypoint of {image!r} is not "
        "known: set `command`, or run with --runtime podman"
    )
