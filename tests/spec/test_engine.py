"""The engine's numbers, typed here once more: they are Unicorn's, and no table of ours can change them."""
from emu.core.state import BLOCK
from emu.spec.engine import CC_OP, ENGINE, HFLAGS, SVM, intercept


def test_events_of_the_engine_are_svm_exit_codes_and_ours_follow():
    assert {row: int(number) for row, number in ENGINE._asdict().items()} == {
        "EXCEPTION": 0x140, "NOT_AVAILABLE": 0x147, "PROTECTION": 0x14D, "INTERCEPT": 0x160, "INSTRUCTION": 0x3F0, "DEADLINE": 0x3F1,
        "DEVICE": 0x3F2, "FAULTED": 0x3F3, "STEPPED": 0x3F4, "SPLIT": 0x3F5, "WATCH": 0x3F6, "BREAK": 0x3F7}


def test_hidden_flags_lie_where_the_engine_has_them():
    assert {row: int(mask).bit_length() - 1 for row, mask in HFLAGS._asdict().items() if row != "CPL"} == {
        "INHIBIT": 3, "CS32": 4, "SS32": 5, "ADDSEG": 6, "PE": 7, "TF": 8, "MP": 9, "EM": 10, "TS": 11, "LMA": 14, "CS64": 15,
        "GUEST": 21, "OSFXSR": 22, "SMAP": 23, "LIMITED": 27, "SHORT": 28}
    assert int(CC_OP.EFLAGS) == 1


def test_intercept_bits_count_from_exit_code_60():
    assert [int(intercept(code)) for code in (SVM.PUSHF, SVM.POPF, SVM.IRET)] == [1 << 16, 1 << 17, 1 << 20]


def test_entry_of_a_block_fills_lines_of_the_cache():
    assert BLOCK.itemsize % 64 == 0 and BLOCK.itemsize - BLOCK.fields["cost"][1] <= 64, "what each run needs is beside the code"
