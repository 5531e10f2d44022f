"""Instructions that the model executes, by kind."""
