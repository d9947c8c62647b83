"""Padding, resizing, sampling and rearranging of images and other signals."""
