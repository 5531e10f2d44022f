"""The host's side of the devices: the board that wires them, inputs from outside, the screen, what fw_cfg offers."""
