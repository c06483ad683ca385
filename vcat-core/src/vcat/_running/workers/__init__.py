"""Stages in processes of their own: who has which, and what passes between them."""
