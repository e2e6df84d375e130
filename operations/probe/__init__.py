"""Test requests that show whether calls still get through, and how soon."""
