"""`hvlab asm`: assemble a program and show it."""


import click

from emu.cli.console import echo
from emu.cli.values import Address, Input, Output

HELP = """Assemble a program in Intel syntax, with the constants of the machine's tables.

FILE is one .s file, or a folder with a build.list. `.use vmx, cpu` makes the rows of those tables known:
VMCS_GUEST_RIP, REASON_CPUID, CR0_PE. An undefined symbol is an error.

--warn reports what assembles and misleads its reader: a numeric jump (1b, 2f) across a named label, which leaves the routine it
seems to stay in (write a .local label); and a routine that is called, by its name, through its address or by a jump of another file,
when the comment over its label does not say Entry, Exit, and Changes or Keeps, or no Source stands there or at the head of the
file. --werror makes an error of both. The built-in hypervisor and firmware are assembled with --werror.

\b
Examples:
  hvlab asm program.s --list
  hvlab asm program.s --base 0x100000 --output program.bin
  hvlab asm program.s --define COUNT=1000 --list
  hvlab asm program.s --warn
"""


def _definitions(context, param, values):
    """Return {name: number} of NAME=VALUE options."""
    found = {}
    for value in values:
        name, equals, number = value.partition("=")
        try:
            found[name] = int(number, 0)
        except ValueError:
            equals = ""
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{value!r} is not NAME=NUMBER", context, param)
    return found


@click.command("asm", help=HELP)
@click.argument("file", type=Input())
@click.option("--list", "show", is_flag=True, help="Write addresses, bytes and source to standard output.")
@click.option("--symbols", is_flag=True, help="Add the labels to the listing.")
@click.option("--base", type=Address(), help="Address of the first byte, unless the program sets it.")
@click.option(
    "--define",
    "-D",
    "definitions",
    multiple=True,
    metavar="NAME=NUMBER",
    callback=_definitions,
    help="Define a constant. May be repeated.",
)
@click.option("--output", "-o", type=Output(), help="Write the bytes to this file.")
@click.option("--warn", is_flag=True, help="Write warnings to standard error.")
@click.option("--werror", is_flag=True, help="Fail when there is a warning.")
def command(file, show, symbols, base, definitions, output, warn, werror):
    """Assemble a program."""
    from emu import files
    from emu.asm import assemble, listing
    from emu.errors import AssemblyError

    if not file.exists():
        raise AssemblyError(f"{file}: no such file or directory")
    program = assemble(file, symbols=definitions or None, base=base, werror=werror)
    for warning in program.warnings if warn else ():
        echo(warning, err=True)
    if show or symbols:
        echo(listing(program, symbols=symbols))
    if output:
        files.write(output, [program.code], AssemblyError)
    echo(f"{file}: {len(program.code)} bytes at {program.base:#x}", err=True)
    return 0
