"""Write the samples once more."""
from tests.debug.samples import HERE, make

make(HERE)
