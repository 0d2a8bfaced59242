"""Run what a step calls once it is saved: `then: [{call: revoke}]`."""

from tokenflow.core.effects import Emit, Flow
from tokenflow.core.errors import IssuerRefused, TokenflowError
from tokenflow.core.events import About, AttemptFailed
from tokenflow.core.lifecycles import Lifecycle
from tokenflow.core.policies import meaning_of
from tokenflow.core.setting import Setting
from tokenflow.core.steps import Step
from tokenflow.core.tokens import Instant


def call_after(setting: Setting, lifecycle: Lifecycle, moved: Step, now: Instant) -> Flow[None]:
    """Run `then: [{call: ...}]` once the step is saved, with the value it had before; a failure is noted."""
    for name in moved.calls:
        command = lifecycle.commands[name]
        order = setting.command_order(lifecycle, command, moved.before, "server")
        try:
            yield from setting.plugins.command(command.use)(order)
        except TokenflowError as error:
            yield Emit(
                (
                    AttemptFailed(
                        about=About.of(moved.after, now),
                        event=moved.row.event if moved.row is not None else name,
                        command=name,
                        number=1,
                        error=meaning_of(lifecycle, error).kind,
                        detail=str(error).splitlines()[0],
                        answer=error.answer if isinstance(error, IssuerRefused) else None,
                    ),
                )
            )
