"""Lifecycle hooks of the workflow, and its exit handler.

A hook fires once, when its expression over `workflow.*` holds after a change; the end of the
workflow waits for it. Semantics: Argo's `executeWfLifeCycleHook` and exit handler.
"""

from __future__ import annotations

from engine.core import arguments, expressions, hooks, table, variables
from engine.core.callspec import Arguments, HookSpec, compile_hook
from engine.core.errors import CoreError
from engine.core.expressions import Site
from engine.core.frames import Root
from engine.core.phases import Shutdown
from engine.core.run import Run
from engine.core.work import Call, Reference, Source, Start
from lang.errors import LangError


def evaluate(run: Run) -> None:
    """Fire the hooks whose expression holds now."""
    if not run.hooks or run.finished or run.exit_started:
        return
    variables.set_progress(run)
    waiting = []
    for hook in run.hooks:
        if _holds(run, hook):
            _fire(run, hook, f"{run.name}.hooks.{hook.name}", Root(hook.name))
            run.hooks_running += 1
        else:
            waiting.append(hook)
    run.hooks = tuple(waiting)


def resume(run: Run) -> None:
    """Take up the hooks that had fired before (recovery)."""
    waiting = []
    for hook in run.hooks:
        name = f"{run.name}.hooks.{hook.name}"
        if table.existing(run, name) is None:
            waiting.append(hook)
            continue
        _fire(run, hook, name, Root(hook.name))
        run.hooks_running += 1
    run.hooks = tuple(waiting)


def _holds(run: Run, hook: HookSpec) -> bool:
    try:
        return expressions.holds(hook.expression, run.globals, Site.HOOK)
    except LangError:
        return False


def exit_hook(run: Run) -> HookSpec | None:
    """The workflow's exit handler: `onExit` wins over `hooks.exit`."""
    if run.spec.get("onExit"):
        return HookSpec("exit", Reference(template=str(run.spec["onExit"])), None, "")
    hook = (run.spec.get("hooks") or {}).get("exit")
    return None if hook is None else compile_hook("exit", hook)


def start_exit(run: Run) -> bool:
    """Start the exit handler, if there is one that is to run. False: there is none.

    An expression of it is not looked at, as in the reference.
    """
    hook = exit_hook(run)
    if hook is None or run.shutdown is Shutdown.TERMINATE:
        return False
    run.exit_started = True
    variables.set_progress(run)
    variables.set_failures(run)
    _fire(run, hook, f"{run.name}.onExit", Root("exit"))
    return True


def _fire(run: Run, hook: HookSpec, name: str, owner: Root) -> None:
    on_exit = owner.hook == "exit"
    call = Call(
        name=name,
        reference=hook.reference,
        source=Source("local", "" if run.stored else run.name),
        owner=owner,
        hooked=True,
        on_exit=on_exit,
        parents=() if on_exit or run.name not in run.nodes else (run.name,),
    )
    try:
        given = hook.arguments or (hooks.workflow_arguments(run) if on_exit else Arguments())
        arguments.render(run, call, given, run.globals, strict=())
    except (CoreError, LangError) as error:
        call.error = error.message
    run.agenda.append(Start(call))
