"""`tokenflow sandbox`: an authority on loopback that gives tokens to try."""

import click


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8400,
    show_default=True,
    help="On 127.0.0.1; 0 takes a free one.",
)
@click.option("--app-id", required=True, help="Id of the app that is registered.")
@click.option("--app-secret", required=True, help="Its secret: a play secret, good for this sandbox only.")
@click.option("--client-token", help="Its client token.")
@click.option("--any-loopback-redirect", is_flag=True, help="Allow loopback redirect URIs, and the SDKs'.")
@click.option("--auto-approve", is_flag=True, help="Approve every login without asking.")
@click.option("--real-time/--virtual-time", default=True, help="Whether its clock runs by itself.")
def sandbox(
    port: int,
    app_id: str,
    app_secret: str,
    client_token: str | None,
    any_loopback_redirect: bool,
    auto_approve: bool,
    real_time: bool,
) -> None:
    """Run the sandbox until interrupted.

    It prints one line of JSON when it is ready: its url, and the token of its admin API (also taken
    from TOKENFLOW_SANDBOX_ADMIN_TOKEN).
    """
    import os

    from tokenflow.core.errors import MissingExtra
    from tokenflow.sandbox import Sandbox, SandboxExtraMissing, run_forever

    try:
        run_forever(
            Sandbox(
                app_id=app_id,
                app_secret=app_secret,
                client_token=client_token,
                any_loopback_redirect=any_loopback_redirect,
                auto_approve=auto_approve,
                real_time=real_time,
                admin_token=os.environ.get("TOKENFLOW_SANDBOX_ADMIN_TOKEN"),
            ),
            port=port,
        )
    except SandboxExtraMissing as missing:
        raise MissingExtra(str(missing)) from None
    except OSError as error:
        raise click.ClickException(f"no sandbox can listen on port {port}: {error.strerror}") from None
