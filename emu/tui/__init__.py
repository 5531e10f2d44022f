"""A full-screen debugger: `view` makes the lines of its panes, `app` shows them and takes keys."""
