"""Sessions, history, views, gdb: most tests go through a session, whatever room they are about."""
