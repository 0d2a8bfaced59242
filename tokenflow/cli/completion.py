"""`tokenflow completion`: the script with which a shell completes what is typed."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options, specs, codes, keys and plugins.

    \b
    bash  eval "$(tokenflow completion bash)"               in ~/.bashrc
    zsh   eval "$(tokenflow completion zsh)"                in ~/.zshrc
    fish  tokenflow completion fish > ~/.config/fish/completions/tokenflow.fish
    """
    from click.shell_completion import get_completion_class

    from tokenflow.cli.tree import COMPLETE, tokenflow

    shells = get_completion_class(shell)
    assert shells is not None, "each choice is a shell that click knows"
    asked = shells(tokenflow, {}, "tokenflow", COMPLETE)
    click.echo(asked.source_template % asked.source_vars())  # source() starts bash to see how old it is
