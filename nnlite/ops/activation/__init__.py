"""Activation functions: softmax and its kin, straight lines and exponentials, smooth ones."""
