"""The cochlea lab: what does the ear do to level?"""
