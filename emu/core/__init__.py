"""The execution engine: the only package that knows Unicorn.  The rest of hvlab would survive another engine."""
