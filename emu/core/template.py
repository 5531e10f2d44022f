"""Words of ours in the LLVM IR of stubs: what nearly each of them begins or ends with, in a line.

    %x = field TYPE %base OFFSET    load the field at that many bytes from a host address
    %x = place TYPE %base OFFSET    the same, its address (TYPE*) alone
    %x = caller                     where translated code called the stub from
    leave EVENT                     end the block with an event (i32), as if what called from %ra in the engine state %env had not begun
"""
import re

_WORD = re.compile(r"^ *(?:(%[\w.]+) = (field|place) (\w+) (%[\w.]+) (\S+)|(%[\w.]+) = (caller)|(leave) (\S+))$", re.MULTILINE)
_PLACE = "  {name}.at = add i64 {base}, {offset}\n  {to} = inttoptr i64 {name}.at to {type}*"
_CALLER = "  {name}.p = call i8* @llvm.returnaddress(i32 0)\n  {name} = ptrtoint i8* {name}.p to i64"
_LEAVE = """  %leave.cs = sub i64 %env, {cs_env}
  %leave.place.at = add i64 %leave.cs, {exception_index}
  %leave.place = inttoptr i64 %leave.place.at to i32*
  store i32 {event}, i32* %leave.place
  %leave.f = inttoptr i64 {loop_exit_restore} to void (i64, i64)*
  call void %leave.f(i64 %leave.cs, i64 %ra)"""


def expanded(text, constants):
    """Return IR with the words above replaced by what they stand for; constants: numbers by name."""
    def lines(found):
        name, word, kind, base, offset, caller, _, leave, event = found.groups()
        if leave:
            return _LEAVE.format(event=event, **constants)
        if caller:
            return _CALLER.format(name=caller)
        place = _PLACE.format(name=name, base=base, offset=offset, type=kind, to=name if word == "place" else f"{name}.p")
        return place if word == "place" else f"{place}\n  {name} = load {kind}, {kind}* {name}.p"
    return _WORD.sub(lines, text)
