"""The FDN lab: how does a network of delays become a room?"""
