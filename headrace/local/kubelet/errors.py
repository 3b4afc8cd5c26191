"""What can go wrong in the kubelet, named for what becomes of the container."""

from __future__ import annotations


class KubeletError(Exception):
    """Root. `reason` is the CamelCase word that a container status shows, the text its message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ConfigError(KubeletError):
    """Something the pod refers to is missing or wrong; waiting may help."""

    def __init__(self, message: str, reason: str = "CreateContainerConfigError") -> None:
        super().__init__(reason, message)


class LaunchError(KubeletError):
    """The container's process could not be started."""


class VolumeError(KubeletError):
    """A volume cannot be set up; waiting may help (`MountVolume.SetUp failed …`)."""

    def __init__(self, message: str) -> None:
        super().__init__("FailedMount", message)


class CaptureError(KubeletError):
    """Outputs could not be collected or inputs could not be placed."""

    def __init__(self, message: str) -> None:
        super().__init__("CaptureFailed", message)
