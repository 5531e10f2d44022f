"""The `hvlab` command.  Nothing heavy is imported until a command needs it."""


def main():
    """Run the command line and exit with its code."""
    from emu.cli.streams import prepare

    prepare()
    from emu.cli.group import start

    start()
