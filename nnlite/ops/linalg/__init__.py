"""Products of matrices, factors, systems of equations, eigenvalues, norms."""
