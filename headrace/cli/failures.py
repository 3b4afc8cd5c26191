"""Where errors become what a person reads: one sentence on stderr and an exit code.

0 done, 1 it failed, 2 it was called wrongly, 130 interrupted.
"""

from __future__ import annotations

import sys

import click

from kube.errors import KubeError, Unauthorized


def run(command: click.Command) -> int:
    """Run `command` with the process's arguments; the exit code."""
    try:
        code = command.main(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        return 130
    except click.UsageError as error:
        error.show()
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone: nothing to say, nobody to say it to
        return 0
    except BaseExceptionGroup as group:
        click.echo(f"Error: {sentence(group)}", err=True)
        return 1
    except (KubeError, OSError) as error:
        click.echo(f"Error: {sentence(error)}", err=True)
        return 1


def sentence(error: BaseException) -> str:
    """The error as one line, with the way out where there is a usual one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Unauthorized):
        return "the cluster refused the credentials of the kubeconfig"
    return str(error) or type(error).__name__
