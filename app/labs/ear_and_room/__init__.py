"""The lab where an ear teaches a network to be a room: the FDN lab, seen from the ear's side."""
