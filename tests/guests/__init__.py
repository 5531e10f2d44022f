"""Programs that prove one claim each, and what runs them."""
