"""Gradcheck for policies: whether the doors of one policy tell of the same law."""
