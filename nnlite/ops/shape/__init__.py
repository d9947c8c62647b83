"""Views, and tensors put together, taken apart, repeated and turned."""
