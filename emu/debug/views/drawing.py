"""A translation as a drawing (SVG): a row for each entry of the guest's tables, before it the EPT entries that lead there."""
from xml.sax.saxutils import escape

BOX_WIDTH, BOX_HEIGHT, GAP, ROW_GAP, MARGIN, HEAD_HEIGHT = 236, 92, 34, 44, 24, 84
LINE_HEIGHT, TEXT_SIZE, CHARACTERS = 16, 12, 31                 # of text, in pixels; letters that fit a line of a box
FILL = {"ept": ("#e8f0fe", "#3b6fb6"), "table": ("#e9f6ec", "#2f7d46"), "end": ("#f3f3f3", "#555555"), "stop": ("#fde3e3", "#c00000")}
STYLE = f"font-family: monospace; font-size: {TEXT_SIZE}px"


def _text(x, y, words, **attributes):
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{extra}>{escape(words)}</text>'


def _folded(words):
    """Return words as at most two lines that fit a box."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > CHARACTERS:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    if len(lines) > 2:
        lines = [lines[0], f"{lines[1][:CHARACTERS - 2]} …"]
    return lines


def _box(x, y, kind, lines):
    """Return a box of lines, the first bold."""
    fill, stroke = FILL[kind]
    place = f'x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"'
    out = [f'<rect {place} fill="{fill}" stroke="{stroke}" stroke-width="{3 if kind == "stop" else 1}"/>']
    for number, line in enumerate(lines):
        weight = {"font_weight": "bold"} if number == 0 else {}
        out.append(_text(x + 10, y + 18 + LINE_HEIGHT * number, line, fill=stroke if number == 0 else "#111111", **weight))
    return out


def _entry(x, y, row, kind):
    title = f"{row.name}, level {row.level}" + (" — stops here" if row.stops else "")
    return _box(x, y, "stop" if row.stops else kind, [title, f"at {row.host:#x}", f"= {row.value:#018x}", *_folded(row.decoded)])


def _arrow(x, y, to_x, to_y):
    return f'<line x1="{x}" y1="{y}" x2="{to_x}" y2="{to_y}" stroke="#777777" stroke-width="1.5" marker-end="url(#head)"/>'


def _row(group, y, last_x):
    """Return the parts of one group: its boxes from left to right, and the place after the last."""
    out, x = [], MARGIN
    what = "the access" if group.entry is None else f"{group.entry.name} of the guest" if group.ept else group.entry.name
    out.append(_text(x, y - 8, f"{what}, {'guest-physical' if group.ept else 'physical'} {group.address:#x}", fill="#333333"))
    for number, row in enumerate(group.ept):
        out += _entry(x, y, row, "ept")
        if number < len(group.ept) - 1 or group.entry is not None:
            out.append(_arrow(x + BOX_WIDTH, y + BOX_HEIGHT // 2, x + BOX_WIDTH + GAP - 4, y + BOX_HEIGHT // 2))
        x += BOX_WIDTH + GAP
    if group.entry is not None:
        out += _entry(x, y, group.entry, "table")
        x += BOX_WIDTH + GAP
    return out, x


def svg(found):
    """Return a Translation (`emu.debug.views.translation`) as SVG text."""
    columns = max([len(group.ept) + (group.entry is not None) for group in found.groups] or [1])
    width = max(2 * MARGIN + (columns + found.reaches) * (BOX_WIDTH + GAP), 900)
    height = HEAD_HEIGHT + max(len(found.groups), 1) * (BOX_HEIGHT + ROW_GAP) + 56
    roots = f"{found.mode}, CR3 = {found.cr3:#x}" + (f", EPTP = {found.eptp:#x}" if found.eptp is not None else "")
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" style="{STYLE}">',
           '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
           '<path d="M0,0 L8,4 L0,8 z" fill="#777777"/></marker></defs>', f'<rect width="{width}" height="{height}" fill="white"/>',
           _text(MARGIN, 28, f"linear {found.linear:#x}, {found.access}, {found.world}", font_weight="bold", font_size=15),
           _text(MARGIN, 48, roots, fill="#333333")]
    y, x = HEAD_HEIGHT, MARGIN
    for group in found.groups:
        parts, x = _row(group, y, x)
        out += parts
        y += BOX_HEIGHT + ROW_GAP
    if found.reaches:
        at = y - BOX_HEIGHT - ROW_GAP if found.groups else y
        if found.groups:
            out.append(_arrow(x - GAP, at + BOX_HEIGHT // 2, x - 4, at + BOX_HEIGHT // 2))
        reached = [f"guest-physical {found.guest:#x}"] if found.guest is not None else []
        kind = f"{found.kind}, {found.page} page" if found.page else found.kind
        out += _box(x, at, "end", [f"{found.host:#x}", "host-physical address", *reached, kind])
    else:
        out += [_text(MARGIN, height - 40, f"stops at {found.stop}", fill=FILL["stop"][1], font_weight="bold"),
                _text(MARGIN, height - 20, found.outcome, fill=FILL["stop"][1])]
    return "\n".join([*out, "</svg>", ""])
