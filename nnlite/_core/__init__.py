"""What every operation stands on: dtypes, devices, the data of a tensor, the graph and its engine."""
