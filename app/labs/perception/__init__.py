"""The perception lab: what does the brain get of a sound?"""
