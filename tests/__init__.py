"""Proofs, in the folders of what they prove: tests/model beside emu/model, and so on; guest programs with what runs them."""
