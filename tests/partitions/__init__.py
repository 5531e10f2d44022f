"""Programs that run as the guest of a child partition, and what runs them."""
