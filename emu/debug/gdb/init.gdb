# hvlab's settings and commands for gdb 12 and later:  gdb -x <(hvlab gdb --init)
set confirm off
set pagination off
set schedule-multiple on
set breakpoint pending on
set disassembly-flavor intel
python
import re
import gdb

class Ask(gdb.Command):
    """A command that asks the machine: NAME ARGUMENTS is `monitor NAME ARGUMENTS`."""
    def __init__(self, name, text):
        self.__doc__, self.name = text, name
        super().__init__(name, gdb.COMMAND_DATA)
    def invoke(self, argument, tty):
        gdb.execute("monitor " + self.name + " " + argument)

for _name, _text in (("vmcs", "vmcs [control|exit|guest|host] | vmcs check\nFields of the current VMCS, or the checks of VM entry that fail."),
                     ("exits", "exits\nVM exits so far, by reason."), ("xlate", "xlate ADDRESS [write|fetch|user]\nHow a linear address is translated."),
                     ("why-irq", "why-irq VECTOR\nWhy an interrupt is not delivered."), ("state", "state\nProcessors: mode, clock, place."),
                     ("why", "why memory ADDRESS [SIZE] | why register NAME | why vmcs FIELD\nWho wrote it last.")):
    Ask(_name, _text)

class Seek(gdb.Command):
    """seek CYCLE
    Go to a cycle of this processor, back or ahead."""
    def __init__(self):
        super().__init__("seek", gdb.COMMAND_RUNNING)
    def invoke(self, argument, tty):
        gdb.execute("monitor seek " + argument)
        gdb.execute("maintenance flush register-cache", to_string=True)
        gdb.execute("frame")

Seek()

class Until(gdb.Command):
    """Run to a change of worlds."""
    def __init__(self, name, transition, text):
        self.__doc__, self.transition = text, transition
        super().__init__(name, gdb.COMMAND_RUNNING)
    def invoke(self, argument, tty):
        gdb.execute("monitor until " + self.transition, to_string=True)
        gdb.execute("continue")

for _name, _transition, _text in (("next-exit", "exit", "next-exit\nRun to the next VM exit: the hypervisor's entry point."),
                                  ("next-entry", "entry", "next-entry\nRun to the next VM entry: a guest's next instruction."),
                                  ("finish-exit", "return", "finish-exit\nRun through the handler, back to the guest of this VMCS.")):
    Until(_name, _transition, _text)

class Attach(gdb.Command):
    """partitions
    Attach every partition as an inferior of its own, and come back to the machine's."""
    def __init__(self):
        super().__init__("partitions", gdb.COMMAND_RUNNING)
    def invoke(self, argument, tty):
        known = {inferior.pid for inferior in gdb.inferiors()}
        listing = gdb.execute("info os processes", to_string=True)
        for pid in map(int, re.findall(r"^(\d+)\s", listing, re.MULTILINE)):
            if pid not in known:
                made = gdb.execute("add-inferior", to_string=True)
                gdb.execute("inferior " + re.search(r"inferior (\d+)", made)[1], to_string=True)
                gdb.execute("attach %d" % pid, to_string=True)
        gdb.execute("inferior 1", to_string=True)
        gdb.execute("info inferiors")

Attach()

try:
    import gdb.disassembler as _disassembler

    class Width(_disassembler.Disassembler):
        """Code that is not 64-bit is disassembled by the machine, which knows the width."""
        def __call__(self, info):
            frame = gdb.selected_frame() if gdb.selected_thread() else None
            bits = int(frame.read_register("code_bits")) if frame else 64
            if bits == 64:
                return None
            line = gdb.execute("monitor disassemble %#x 1" % info.address, to_string=True)
            found = re.match(r"0x[0-9a-f]+\s+((?:[0-9a-f]{2} )*[0-9a-f]{2})\s{2,}(.*)", line)
            return _disassembler.DisassemblerResult(len(found[1].split()), found[2].strip()) if found else None

    _disassembler.register_disassembler(Width("hvlab"), None)
except ImportError:
    print("hvlab: this gdb has no gdb.disassembler: 16- and 32-bit code is shown as 64-bit code")
end
