"""Special functions: error functions, the gamma function and its relatives, Bessel functions, polynomials."""
