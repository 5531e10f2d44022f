"""Programs that use the hypercall interface, and what runs them."""
