"""`headrace`: the group of all commands, loaded when called so that each starts fast."""

from __future__ import annotations

import importlib
import sys

import click

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module below headrace.cli, attribute)
    "up": ("up", "up"),
    "down": ("down", "down"),
    "status": ("status", "status"),
    "demo": ("demo", "demo"),
    "apply": ("apply", "apply"),
    "submit": ("submit", "submit"),
    "get": ("get", "get"),
    "list": ("list", "list_workflows"),
    "logs": ("logs", "logs"),
    "stop": ("lifecycle", "stop"),
    "terminate": ("lifecycle", "terminate"),
    "suspend": ("lifecycle", "suspend"),
    "resume": ("lifecycle", "resume"),
    "retry": ("again", "retry"),
    "resubmit": ("again", "resubmit"),
    "cron": ("cron", "cron"),
    "sync": ("sync", "sync"),
    "events": ("eventreplay", "events"),
    "test-event": ("eventtest", "test_event"),
    "lineage": ("lineage", "lineage"),
    "delete": ("delete", "delete"),
    "lint": ("lint", "lint"),
    "explain": ("explain", "explain"),
    "version": ("version", "version"),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table: the way a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None for a name that is not in the table."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"headrace.cli.{entry[0]}")
        command: click.Command = getattr(module, entry[1])
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Event-driven workflows for Kubernetes, and on a machine without one.

    headrace up starts everything in one process; the other commands talk to it, or to the cluster
    of the current kubeconfig when it does not run.
    """


def main() -> None:
    """The console script. Known errors end in one sentence and exit code 1, never a traceback."""
    from headrace.cli import failures

    sys.exit(failures.run(cli))


if __name__ == "__main__":
    main()
