"""The loudness lab: how loud is it, and why?"""
