"""`hvlab explain`: numbers and names of the manuals, offline, from the tables that the machine uses."""

import click
import msgspec

from emu.cli import printing, report

HELP = """Explain a number or a name of the manuals: an exit, a VMCS field, an MSR, a hypercall, a check of VM entry.

Everything comes from the tables that the machine itself works with, and each answer names its section of the manual.
Numbers are decimal or hexadecimal (0x). Names may be abbreviated while they stay unique, in any case. Without a number or
name the whole table is listed.

\b
What you see in a hypervisor's log            What to ask
  exit reason 48, qualification 0x182         hvlab explain exit 48 0x182
  VMWRITE to 0x6802 fails                     hvlab explain field 0x6802
  which controls may I set                    hvlab explain msr 0x48b
  VMLAUNCH fails with error 7                 hvlab explain error 7
  a check by its id                           hvlab explain check guest.cr0
  a page fault that exits                     hvlab explain exit 0 0x1000 --interruption-info 0x80000b0e
  a hypercall and its result                  hvlab explain hypercall 0x5c; hvlab explain status 5
  a register's value                          hvlab explain cr4 0x2020
"""


class Number(click.ParamType):
    """A number of up to 64 bits, decimal or hexadecimal."""

    name = "VALUE"

    def convert(self, value, param, context):
        from emu.debug.explain import lookup

        return value if isinstance(value, int) else lookup.value(value, param.human_readable_name.upper())


def _print(found, as_json):
    if as_json:
        report.write_json(msgspec.json.format(msgspec.json.encode(dict(schema="hvlab.explain.1", **found.as_json())), indent=2))
    else:
        printing.write(printing.explanation(found))


def _list(kind, as_json):
    from emu.debug.explain import explain

    rows = explain.listing(kind)
    if as_json:
        body = dict(schema="hvlab.explain-list.1", kind=kind, rows=[dict(number=n, name=name, text=text) for n, name, text in rows])
        report.write_json(msgspec.json.format(msgspec.json.encode(body), indent=2))
    elif kind == "check":
        printing.write(printing.columns([row[1:] for row in rows], 0, ("cyan",)))
    else:
        printing.write(printing.columns([(f"{number:#x}", str(number), name, text) for number, name, text in rows], 0, ("", "", "cyan")))


@click.group("explain", help=HELP, no_args_is_help=True)
def command():
    """Hold the kinds of things that can be explained."""


JSON = click.option("--json", "as_json", is_flag=True, help="Write one JSON object to standard output.")


def _help(text, *examples):
    """Return the help of a command with its examples."""
    return "\n".join((text, "", "\b", "Examples:", *(f"  hvlab explain {each}" for each in examples)))


def _kind(name, what, value, *examples):
    """Add a command for things known by a number or a name, with a value to decode if they have one."""

    @command.command(name, short_help=f"Explain {what}.",
                     help=_help(f"Explain {what}; without {name.upper()} list all of them.", *(f"{name} {each}" for each in examples)))
    @click.argument("which", metavar=f"[{name.upper()}]", required=False)
    @JSON
    def one(which, as_json, **values):
        from emu.debug.explain import explain

        if which is None:
            return _list(name, as_json)
        function = {"field": explain.vmcs_field}.get(name) or getattr(explain, name)
        return _print(function(which, *values.values()), as_json)

    if value:
        click.argument("value", metavar=f"[{value}]", type=Number(), required=False)(one)
    return one


for _row in (
    ("field", "a VMCS field, and what a value of it means", "VALUE", "0x6802", "pin_based 0x81"),
    ("msr", "a model-specific register, and what a value of it means", "VALUE", "0x48b", "efer 0xd01"),
    ("error", "a VM-instruction error", None, "7"),
    ("check", "a check of VM entry", None, "guest.cr0"),
    ("hypercall", "a hypercall", None, "0x5c"),
    ("status", "the status of a hypercall", None, "5"),
    ("vector", "an exception vector", None, "14"),
):
    _kind(*_row)


@command.command("exit", short_help="Explain a VM exit, its qualification and its information fields.")
@click.argument("which", metavar="[EXIT]", required=False)
@click.argument("qualification", type=Number(), required=False)
@click.option("--interruption-info", "interruption", type=Number(), help="VM-exit interruption information (4404H).")
@click.option("--vectoring-info", "vectoring", type=Number(), help="IDT-vectoring information (4408H).")
@click.option("--instruction-info", "information", type=Number(), help="VM-exit instruction information (440EH).")
@JSON
def exit_command(which, qualification, interruption, vectoring, information, as_json):
    """Explain a VM exit; without EXIT list all exit reasons.

    EXIT is a basic exit reason or the whole exit-reason field.

    \b
    Examples:
      hvlab explain exit 48 0x182
      hvlab explain exit 0 0x1000 --interruption-info 0x80000b0e
    """
    from emu.debug.explain import explain

    if which is None:
        return _list("exit", as_json)
    return _print(explain.exit(which, qualification, interruption, vectoring, information), as_json)


def _register(name, value):
    @command.command(name, short_help=f"Explain the bits of {name.upper()}.",
                     help=_help(f"Explain the bits of {name.upper()}, or a value of it.", f"{name} {value:#x}"))
    @click.argument("value", type=Number(), required=False)
    @JSON
    def one(value, as_json):
        from emu.debug.explain import explain

        _print(explain.register(name, value), as_json)


for _name, _example in dict(cr0=0x80010033, cr3=0x105018, cr4=0x2020, efer=0xD01, rflags=0x10246, dr6=0xFFFF4FF0, dr7=0x403,
                            pfec=0xB).items():
    _register(_name, _example)
