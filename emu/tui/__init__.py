"""A debugger on the whole screen: `view` makes the lines of its panes, `app` shows them and takes keys."""
