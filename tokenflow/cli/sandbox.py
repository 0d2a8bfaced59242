"""`tokenflow sandbox`: an authority on loopback that gives tokens to try."""

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from tokenflow.sandbox import App

CALLBACK: Final = "http://127.0.0.1:8484/callback"
"""The redirect URI of the shipped spec `sandbox-oauth2`."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8400,
    show_default=True,
    help="On 127.0.0.1; 0 takes a free one.",
)
@click.option("--client-id", help="Id of an OAuth 2 client that is registered.")
@click.option("--client-secret", help="Its secret, a play secret. Without one it is a public client.")
@click.option(
    "--redirect-uri",
    multiple=True,
    default=[CALLBACK],
    help=f"Where its logins, and the app's, may end; may be given several times. Default: {CALLBACK}.",
)
@click.option(
    "--rotation",
    type=click.Choice(["none", "grace", "idempotent", "strict"]),
    default="strict",
    show_default=True,
    help="What becomes of its refresh token when it is used.",
)
@click.option("--app-id", help="Id of the Facebook app that is registered. Default: one is made up.")
@click.option("--app-secret", help="Its secret, a play secret. Default: one is made up.")
@click.option("--client-token", help="Its client token.")
@click.option(
    "--apps",
    type=click.Path(exists=True, dir_okay=False),
    help="A YAML file with a list of more apps: app_id, app_secret, client_token and other settings.",
)
@click.option("--any-loopback-redirect", is_flag=True, help="Allow loopback redirect URIs, and the SDKs'.")
@click.option("--auto-approve", is_flag=True, help="Approve every login without asking.")
@click.option("--real-time/--virtual-time", default=True, help="Whether its clock runs by itself.")
def sandbox(
    port: int,
    client_id: str | None,
    client_secret: str | None,
    redirect_uri: tuple[str, ...],
    rotation: str,
    app_id: str | None,
    app_secret: str | None,
    client_token: str | None,
    apps: str | None,
    any_loopback_redirect: bool,
    auto_approve: bool,
    real_time: bool,
) -> None:
    """Run the sandbox until interrupted.

    It prints one line of JSON when it is ready: its url, what is registered, and the token of its admin
    API (also taken from TOKENFLOW_SANDBOX_ADMIN_TOKEN). The app and the client are for this sandbox only.
    """
    import os

    from tokenflow.core.errors import MissingExtra
    from tokenflow.sandbox import Client, Sandbox, SandboxExtraMissing, run_forever

    clients: tuple[Client, ...] = ()
    if client_id is not None:
        made = Client(
            client_id=client_id, client_secret=client_secret, redirect_uris=redirect_uri, rotation=rotation
        )
        clients = (made,)
    elif client_secret is not None:
        raise click.UsageError("--client-secret is that of a client: give its --client-id, too")
    try:
        run_forever(
            Sandbox(
                app_id=app_id,
                app_secret=app_secret,
                client_token=client_token,
                redirect_uris=redirect_uri,
                apps=() if apps is None else _apps(apps),
                clients=clients,
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


def _apps(file: str) -> tuple["App", ...]:
    """Read the apps that *file* lists; a setting nobody knows is refused."""
    import yaml

    from tokenflow.sandbox import AppRefused, app_of

    try:
        with open(file, encoding="utf-8") as stream:
            listed = yaml.safe_load(stream)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} is no YAML: {error}") from None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise click.ClickException(f"{file} must hold a list of apps, each a mapping of its settings")
    apps = []
    for place, each in enumerate(listed, 1):
        try:
            apps.append(app_of(each))
        except AppRefused as refused:
            # The settings themselves may hold a secret; only what is wrong with them is said.
            raise click.ClickException(f"{file}: app {place}: {refused}") from None
    return tuple(apps)
